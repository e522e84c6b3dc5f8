"""The template engine by itself; `tests/services/library/velocity` compares it with Apache Velocity."""

import pytest

from pipeline.local.cloud.apigateway.velocity.render import render
from pipeline.local.cloud.apigateway.velocity.syntax import TemplateError


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("$a.b $!none $none ${a.b}c $a.b.length()", "hi  $none hic 2"),
        (r"\$a.b \\$a.b \$none", r"$a.b \hi \$none"),
        ("x\n#if($a.b == 'hi')\n y\n#else\n n\n#end\nz", "x\n y\nz"),
        ("#foreach($i in [1..3])$i#if($foreach.hasNext),#end#end", "1,2,3"),
        ('#set($x = "<$a.b>")$x#set($y = 2 + 3 * 4)$y', "<hi>14"),
        ("#set($x = $none)$x a ## comment\nb#* more *#c #[[$raw]]#", "$x a bc $raw"),
        ("$5 # #foo $ {}", "$5 # #foo $ {}"),
    ],
)
def test_it_writes_what_velocity_writes(template: str, text: str) -> None:
    assert render(template, {"a": {"b": "hi"}}) == text


@pytest.mark.parametrize("template", ["#if(true)", "#end", "#set($x = )", "${a"])
def test_a_broken_template_is_an_error(template: str) -> None:
    with pytest.raises(TemplateError):
        render(template, {})


def test_values_are_never_read_as_templates() -> None:
    assert render("$a", {"a": "$a #end #if(true)"}) == "$a #end #if(true)"
