from prefcurate.transforms.measures.rules import RULES, picks, says_alone

LONG, PLAIN = "a long response " * 3, "so"


def test_which_response_each_rule_takes():
    assert RULES == ("longer", "formatted", "headings", "items", "bold", "code", "first_shown")
    assert picks(LONG, PLAIN) == ("a", None, None, None, None, None)
    assert picks("**x** and more text", "- y\n- z") == ("a", "b", None, "b", "a", None)
    assert picks("# H\n```\n# no heading\n```", "") == ("a", "a", "a", None, None, "a")
    assert picks("1234567890", "12345678901") == (None,) * 6, "a tenth more is not clearly longer"


def test_what_a_rule_must_do_to_say_the_labels_alone():
    assert says_alone(0.7, 0.61, 20)
    assert not says_alone(0.69, 0.68, 1000)
    assert not says_alone(0.9, 0.6, 30)
    assert not says_alone(1.0, 0.8, 19)
