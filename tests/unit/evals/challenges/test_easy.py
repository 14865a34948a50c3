import random

from logicnet.evals.challenges.mathgenerator import easy_tasks


def test_the_same_seed_draws_the_same_tasks():
    assert easy_tasks(20, seed=1) == easy_tasks(20, seed=1)
    assert easy_tasks(20, seed=1) != easy_tasks(20, seed=2)


def test_every_truth_is_a_number_and_every_question_a_sentence():
    for task in easy_tasks(40, seed=3):
        float(task.truth)
        assert task.question[0].isupper()
        assert task.question[-1] in "?."
        assert "$" not in task.question + task.truth


def test_other_users_of_the_random_generator_are_left_alone():
    random.seed(5)
    undisturbed = random.random()
    random.seed(5)
    easy_tasks(3, seed=1)
    assert random.random() == undisturbed
