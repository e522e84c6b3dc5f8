"""The local cloud's template engine writes what Apache Velocity 1.7 writes."""

import pytest

from pipeline.local.cloud.apigateway.variables import mapped
from pipeline.local.cloud.apigateway.velocity.syntax import TemplateError
from tests.services.library.velocity.oracle import Job, Velocity

PARAMETERS = {"path": {"id": "7"}, "querystring": {"q": "a b"}, "header": {"H": "1", "h-x": "2"}}
REFERENCES = (
    "$nope $!nope ${nope} $!{nope}x $context.a.b.c $context.a.nope",
    "$context.a.b.c. $context.a.b.c() $context.a-b ${context.a.b.c}x a$!{x}b",
    r"\$context.a \$nope \\$context.n \\\$context.n \#if $ 5 $5 #foo #5 a.b",
    "$context.a.b.c.length() $context.a.b.c.toUpperCase()x $context.a.b.c.foo() $!context.a.b.c.foo()",
    "$context.a.b.c.substring(1) $context.a.b.c.indexOf('i') $context.a.b.c.split('h').size()",
    "$context.a.b.c.equals('hi') $context.a.b.c.replaceAll('(h)','[$1]') $context.a.b.c.replaceFirst('i', 'o')",
    "$context.a.b.c.compareTo('ha') $context.a.b.c.equalsIgnoreCase('HI') $context.a.b.c.startsWith('h')",
    "$input.params('H') $input.params('q') $input.params('id') [$input.params('none')] $input.body.length()",
    "$input.params().header.get('H') $input.params().header.H $input.params().header.h-x",
    '$util.escapeJavaScript("a\'b/c") $context.n $context.n.toString().length()',
    "#elsewhere #endx #iffy(1) #settle",
)
DIRECTIVES = (
    "  #set($x = 1)  \n b",
    "a #set($x = 1) \n  b",
    "a\n  #set($x=1)\n  #set($y=2)\nb",
    "$context.n #set($x=1)z",
    "#set ( $x = 'a b' )\n\n$x",
    "#if(true)\n  x\n#else\n  y\n#end\nz",
    "  #if(true)  \n  x  #end  \nz",
    "line\n#if(true)\n#set($q=1)\nz\n#end\nend",
    "#if(true)a#{else}b#end",
    "#if($nope)x#elseif($context.n>3)y#end #if($nope == $other)same#end#if($nope == 1)x#end",
    "a ## c\nb",
    "a #* c *# b",
    "#[[ $raw #if ]]#x",
    "#foreach($i in [1..3])$i,$velocityCount#if($foreach.hasNext);#end#end",
    "#foreach($i in [1..5])#if($i==3)#break#end$i#end z",
    "#foreach($k in $input.params().header.keySet())$k=$input.params().header.get($k);#end",
    "a#stop b",
)
EXPRESSIONS = (
    '#set($q = "a""b\'c")$q#set($r=\'it\'\'s $q\')$r#set($s="<$q>")$s',
    '#set($z = "l1\nl2")$z#set($x="#if(true)q#end")$x',
    "#set($n=$nope)[$n]#set($n=1)#set($n=$nope)[$n]",
    "#set($t = 5 + 3 * 2 - 1)$t#if($t==10 && !false || 1>2)Y#end#if('')empty#else no#end",
    "#set($x = -3)$x#set($y = 7 / 2)$y#set($z = 7 % 4)$z",
    "#set($m={'a':1,'b':'x'})$m.a $m.get('b') $m $m['a']#set($l=[1,'a',true])$l.get(1) $l[0]",
    "#set($context.a.z = 409)$context.a.z#set($v = $context.a.b)$v.c$v.d",
    "#if($context.n == 5)five#end#if($context.n == '5')text#end#if( $context.n == 5 and not false )ok#end",
    "#if(1)a#end#if('x')b#end#if(1 + 1)c#end#if([1])d#end#if(!'x')e#end#if(true && 1)f#end#if(!$nope)g#end",
    "#set($zero = 0)#if($zero)h#end#set($empty = '')#if($empty)i#end#set($no = false)#if($no)j#end#if($no || 'x')k#end",
    "#if($context.a.b.c.matches('h.*'))m#elseif(true)n#end#if(!$context.a.b.c.equals('ho'))no#end",
    "#set($e='')#if($e=='')E#end#if(\"$!nope\"=='')N#end",
)


def context() -> dict[str, object]:
    return {"a": {"b": {"c": "hi"}}, "n": 5}


@pytest.mark.parametrize("template", REFERENCES + DIRECTIVES + EXPRESSIONS)
def test_it_writes_what_velocity_writes(velocity: Velocity, template: str) -> None:
    expected = velocity.render(Job(template=template, body="hällo", params=PARAMETERS, context=context())).text
    assert mapped(template, body="hällo", parameters=PARAMETERS, context=context(), stage_variables={}) == expected


@pytest.mark.parametrize(
    "template", ["#if(true)a", "#set($x = )", "${context", "#end", "#set($x = 'a)", "#foreach($x)"]
)
def test_it_refuses_what_velocity_refuses(velocity: Velocity, template: str) -> None:
    with pytest.raises(ValueError, match="Velocity refused"):
        velocity.render(Job(template=template))
    with pytest.raises(TemplateError):
        mapped(template, body="", parameters={}, context={}, stage_variables={})


def test_all_of_unicode_is_escaped_as_commons_lang_does(velocity: Velocity) -> None:
    template = "$util.escapeJavaScript($input.body)"
    for first in range(0, 0x11000, 0x1000):
        body = "".join(map(chr, range(first, first + 0x1000))) if first != 0xD000 else "\U0001f600\U0010ffff퟿"
        expected = velocity.render(Job(template=template, body=body)).text
        assert mapped(template, body=body, parameters={}, context={}, stage_variables={}) == expected
