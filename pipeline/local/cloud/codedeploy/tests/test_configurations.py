"""The steps of a shift."""

from pipeline.local.cloud.codedeploy.configurations import ALL_AT_ONCE, PREDEFINED, linear, steps


# https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
def test_a_canary_shifts_ten_percent_and_after_its_minutes_the_rest() -> None:
    assert [*steps(PREDEFINED["CodeDeployDefault.LambdaCanary10Percent5Minutes"])] == [(10, 5)]


def test_a_linear_shift_moves_as_much_again_after_each_interval() -> None:
    assert [*steps(PREDEFINED["CodeDeployDefault.LambdaLinear10PercentEvery1Minute"])] == [
        (percentage, 1) for percentage in range(10, 100, 10)
    ]
    assert [*steps(linear(40, 2))] == [(40, 2), (80, 2)]


def test_all_at_once_has_no_steps() -> None:
    assert [*steps(PREDEFINED[ALL_AT_ONCE])] == []
