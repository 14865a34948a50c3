"""Questions that are closed expressions: read strictly, computed exactly, told in words.

    wording    which words ask, which wish for a rounding, which are only talk; what is left is the object
    formula    an object as a formula: made readable for scoring's parser, and computed on sympy's numbers
    kinds      the phrasings that are recognised, and what each comes to
    shapes     geometry with a formula of its own

Everything here runs in a worker process (`logicnet.solver.race.exact`), bounded in time and memory.
"""
