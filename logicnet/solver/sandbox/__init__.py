"""Programs that a model wrote run here: real Python, in a process that the kernel confines.

sandbox     what the miner sees: run a program, get what it printed
_zygote     the process that has imported sympy and numpy, and forks a confined child for each program
_source     the program in a model's text; _outcome: its result
_monty      where the kernel confines no process: a Python interpreter without access to the machine
"""
