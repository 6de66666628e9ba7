"""The templates of expressions.json; see make_cases.py."""

EXPRESSIONS = r"""
1
-1
+n
- n
1_000
0x1F
0b101
0o17
1.5
1e3
1.5e-3
.5
1.
1e16
1e15
123456789.123
1e22
1.0e300 * 1e10
big
tiny
0.1 + 0.2
1/3
7/2
8/2
-7 // 2
7 // -2
-7 % 3
7 % -3
7.5 // 2
-7.5 // 2
-7.5 % 2
7.5 % -2
1e300 * 1e300
-(1e300 * 1e300)
(1e300 * 1e300) - (1e300 * 1e300)
2 ** 10
2 ** -1
2 ** 0.5
-2 ** 2
2 ** 3 ** 2
1 // 0
1 / 0
1 % 0
1.0 / 0
1.0 // 0
1.0 % 0
0 ** -1
1 + true
true + true
true * 3
-true
+true
not 1
not none
1 + none
1 + "a"
"a" + 1
"a" + none
"a" * 3
3 * "ab"
"a" * -1
"a" * 1.5
"a" - "b"
[1] + [2]
[1] + (2,)
(1,) + (2,)
[1, 2] * 2
2 * [1]
[1] * none
"a" ~ 1 ~ none ~ true ~ 1.0 ~ [1]
1 ~ 2
1 < 2 < 3
1 < 3 < 2
1 == 1.0
1 == true
"1" == 1
none == false
[1, 2] == [1, 2]
(1, 2) == [1, 2]
{"a": 1} == {"a": 1.0}
{"a": 1, "b": 2} == {"b": 2, "a": 1}
[1, 2] < [1, 3]
[1, 2] < [1]
"a" < "b"
"Z" < "a"
"a" < 1
none < 1
[1] < "a"
{} < {}
1 in [1, 2]
1.0 in [1, 2]
"ell" in s
1 in s
"b" in d
"zz" not in d
1 in 5
none in [none]
"x" in undefined_thing
undefined_thing in [1]
1 if true
1 if false
1 if false else 2
1 if false else 2 if false else 3
(1 if false) is defined
true and 0
0 or "x"
none or none
1 and 2 and 3
"" or [] or {} or "last"
not true and false
not (true and false)
true
True
false
False
none
None
TRUE
"single 'quotes' inside"
'double "quotes" inside'
"esc \n \t \\ \x41 \u00e9 \U0001F600 \101 \q \a"
"é\é"
"adja" "cent"
"\x4"
"\u12"
'it\'s'
[1, "a", none, true, 1.5]
(1, 2)
(1,)
()
1, 2
[]
{}
{"a": 1, "b": [1, 2], 3: none, (1, 2): "t"}
{"a": 1, "a": 2}
{[1]: 2}
[1, 2, ]
{"a": 1, }
list
mixed
d
users[0]
quote
[quote]
[uni, html]
["it's", 'say "hi"', 'both \' and "']
["\x7f\x00\n\u2028\ue000\U000e0001"]
list[0]
list[-1]
list[5]
list[5] is defined
list["a"]
list[1.0]
list[true]
list[none]
s[0]
s[-1]
s[100]
uni[6]
uni[-1]
uni[8:12]
s[1:4]
s[:3]
s[-3:]
s[::2]
s[::-1]
s[10:2:-3]
s[5:1]
uni[::-1]
list[1:]
list[::-1]
list[:-1]
list[::0]
list[:"a"]
list[-100:100]
(1, 2, 3)[1:]
range(5)[1:3] | list
range(5)[-1]
none[0]
nothing.foo
nothing["foo"]
nothing[1:]
nothing.foo.bar
n[0]
n.foo
n.real
f.is_integer()
(4.0).is_integer()
n.bit_length()
d.b
d["b"]
d.missing
d.missing.deeper
d["missing"]["deeper"]
d.items is callable
d.items() | list
d["items"]
d.C.x
d.1
d[1]
d["1"]
d[[1]]
d.get("b")
d.get("zz")
d.get("zz", "fallback")
d.get()
d.get("a", 1, 2)
d.keys()
d.values()
d.items()
d.keys() | list
d.values() | list
d | length
d.copy()
d.update({"x": 1})
d.pop("a")
d.clear()
d.setdefault("a", 1)
d.popitem
d.update is defined
list.append(1)
list.append
list.append is defined
list.pop()
list.sort()
list.reverse()
list.insert(0, 1)
list.extend([1])
list.remove(1)
list.clear()
list.index(1)
list.index(9)
list.count(1)
list.copy()
(1, 2, 1).count(1)
(1, 2).index(2)
s.__class__
s.__class__.__mro__
s._private
d.__class__
d._x
undefined_thing
undefined_thing.foo
undefined_thing["foo"]
undefined_thing()
undefined_thing + 1
1 + undefined_thing
undefined_thing ~ "x"
undefined_thing == undefined_other
undefined_thing == none
undefined_thing < 1
undefined_thing is defined
undefined_thing is undefined
not undefined_thing
undefined_thing | length
undefined_thing | list
undefined_thing | default("d")
undefined_thing | default
undefined_thing | d("x", true)
undefined_thing or "or"
undefined_thing if undefined_thing else "else"
-undefined_thing
undefined_thing[1:]
[undefined_thing]
undefined_thing | upper
undefined_thing | int
undefined_thing | float
undefined_thing | tojson
undefined_thing | string
undefined_thing | join(",")
undefined_thing | first
undefined_thing | last
undefined_thing | first is defined
undefined_thing | items | list
undefined_thing | dictsort
undefined_thing | trim
undefined_thing | abs
undefined_thing | round
undefined_thing | sum
undefined_thing | map("upper") | list
undefined_thing | reverse | list
undefined_thing | sort
undefined_thing is iterable
undefined_thing is sequence
undefined_thing is mapping
undefined_thing is string
undefined_thing is callable
undefined_thing is none
undefined_thing is true
undefined_thing is odd
{undefined_thing: 1}
d.missing is defined
d.missing is not defined
d.missing.x is defined
s.upper()
s.lower()
s.swapcase()
s.title()
s.capitalize()
uni.upper()
uni.lower()
uni.title()
uni.capitalize()
uni.swapcase()
uni.casefold()
"ǆ ǅ ﬁ straße".title()
"ΑΣ ΑΣΑ Σ".lower()
"they're bill's".title()
s.strip("Hd")
pad.strip()
pad.lstrip()
pad.rstrip()
pad.strip(none)
"xxhixx".strip("x")
"xyhiyx".lstrip("yx")
"xyhiyx".rstrip("yx")
"\u3000x\u00a0".strip()
"éaé".strip("é")
s.strip(1)
csv.split(",")
csv.split(",", 1)
csv.split(",", 0)
csv.split(sep=",", maxsplit=2)
csv.rsplit(",", 1)
csv.rsplit(",")
csv.split("")
pad.split()
" a  b   c ".split()
" a  b   c ".split(none, 1)
" a  b   c ".rsplit(none, 1)
" a  b   c ".rsplit(none, 0)
"".split()
"".split(",")
"aXXbXXc".split("XX")
"aXXXb".rsplit("XX")
"a b".split(1)
lines.splitlines()
lines.splitlines(true)
"a\u2028b\x0bc\x1cd\r".splitlines()
"".splitlines()
s.startswith("Hell")
s.startswith(("x", "H"))
s.startswith(["x"])
s.startswith("lo", 3)
s.startswith("Hello", 0, 3)
s.startswith("")
s.startswith("", 50)
s.endswith("World")
s.endswith(("x", "d"))
s.endswith(1)
s.replace("l", "L")
s.replace("l", "L", 2)
s.replace("", "-")
s.replace("", "-", 3)
"".replace("", "-")
uni.replace("", "|")
s.replace("l")
s.replace("l", 1)
s.find("o")
s.find("zz")
s.find("o", 5)
s.find("o", 0, 3)
s.find("")
s.find("", 99)
s.rfind("o")
s.rfind("o", 0, 6)
s.index("W")
s.index("zz")
s.rindex("o")
uni.find("好")
uni.rfind("\u4f60")
s.count("l")
s.count("")
uni.count("")
"aaa".count("aa")
",".join(["a", "b"])
",".join("abc")
",".join([1, 2])
",".join(5)
",".join(d)
"-".join(names | map("upper"))
"prefix-x".removeprefix("prefix-")
"x.txt".removesuffix(".txt")
"x".removesuffix("")
"42".zfill(5)
"-42".zfill(5)
"+4".zfill(1)
"x".ljust(3) ~ "|"
"x".rjust(3, "*")
"x".center(4, "*")
"xx".center(5, "*")
"abc".center(6, "*")
"x".ljust(3, "ab")
"a=b=c".partition("=")
"a=b=c".rpartition("=")
"abc".partition("=")
"abc".rpartition("=")
"a\tb".expandtabs(4)
"123".isdigit()
"²".isdigit()
"²".isdecimal()
"½".isnumeric()
"12a".isalnum()
"é你".isalpha()
"".isalpha()
" \t".isspace()
"abc".islower()
"ABC1".isupper()
"1".isupper()
"Hello World".istitle()
"Hello world".istitle()
"abc".isidentifier()
"1abc".isidentifier()
"abc".isascii()
"é".isascii()
"a\n".isprintable()
"{} {}".format(1, "a")
"{0} {1} {0}".format(1, 2)
"{name:>5}|{x:<4}|{y:^5}|".format(name="a", x=1, y="b")
"{:.2f} {:5.1f} {:e} {:g} {:%}".format(3.14159, 2.25, 12345.678, 0.0001, 0.25)
"{:05d} {:+d} {:x} {:#x} {:b} {:,} {:_}".format(42, 42, 255, 255, 5, 1234567, 1234567)
"{!r} {!s}".format("a", "b")
"{{}} {}".format(1)
"{} {}".format(1)
"{a.b}".format(a={"b": 1})
"{a[b]}".format(a={"b": 1})
"{a[0]}".format(a=[5])
"{a.__class__}".format(a=1)
"{:>{w}}".format("x", w=4)
"{".format()
"{:d}".format("a")
"{:.3}".format("abcdef")
"{:10}|".format("é")
"{:10}|".format(5)
"{:,.2f}".format(1234567.891)
"{:*^9}".format("mid")
"{a}".format_map({"a": 1})
"%s and %s" % ("a", 1)
"%d%%" % 50
"%5.2f|%-5d|%05d" % (3.14159, 42, 42)
"%(a)s-%(b)03d" % {"a": "x", "b": 7}
"%x %X %o %c %r" % (255, 255, 8, "c", "q")
"%e %g %G" % (12345.678, 0.00001, 1e20)
"%s" % [1, 2]
"%s" % {"a": 1}
"%s" % none
"%s" % "x"
"%s"
"%s %s" % "a"
"%s" % ("a", "b")
"%d" % "a"
"%d" % 3.9
"%i" % -3.9
"%z" % 1
"%" % 1
"abc" % 1
"abc" % {}
"%*d" % (5, 42)
"%.3s" % "abcdef"
"%+d % d" % (5, 5)
"%#x" % 255
"%5s|%-5s|" % ("a", "b")
"%s" | format("x")
"%(a)s" | format(a=1)
"%s %s" | format("a", 2)
"%s" | format("x", a=1)
none | string
1.0 | string
names | join
names | join(", ")
mixed | join("|")
users | join(",", attribute="name")
users | map(attribute="name") | join(", ")
users | map(attribute="address.city", default="?") | list
users | map(attribute="address.city") | list
users | map(attribute="tags.0", default="-") | list
users | map("attr", "name") | list
names | map("upper") | list
names | map("replace", "a", "A") | list
names | map("truncate", length=3, end="") | list
names | map | list
names | map("nofilter") | list
names | map(foo="x") | list
list | map("string") | join
users | selectattr("active") | map(attribute="name") | list
users | selectattr("age", "equalto", 30) | map(attribute="name") | list
users | selectattr("age", "==", 30) | list | length
users | selectattr("age", "gt", 26) | map(attribute="name") | list
users | selectattr("name", "in", ["bob"]) | list | length
users | rejectattr("active") | map(attribute="name") | list
users | rejectattr("address.city", "defined") | map(attribute="name") | list
users | selectattr("tags") | list | length
users | selectattr("missing") | list
users | selectattr("missing", "defined") | list
users | selectattr | list
users | selectattr("age", "notest") | list
none | map("upper") | list
none | map(attribute="x") | list
none | selectattr("x", "eq", 1) | list | length
none | rejectattr("x") | list
none | reject("odd") | list
0 | select | list
5 | select | list
5 | map("string") | list
"" | map | list
[] | map("nofilter") | list
none | unique | list
none | batch(2) | list
none | slice(2) | list
none | items | list
list | select("odd") | list
list | reject("odd") | list
list | select("divisibleby", 3) | list
mixed | select | list
mixed | select("string") | list
mixed | reject("none") | list | length
[0, 1, "", "a"] | select | list
names | select("in", ["bob", "carol"]) | list
list | select("odd") | length
(list | select("odd")) is iterable
(list | select("odd")) is sequence
1 if (list | select("gt", 100)) else 2
list | sort
list | sort(reverse=true)
names | sort
names | sort(case_sensitive=true)
names | sort(true)
users | sort(attribute="name") | map(attribute="name") | list
users | sort(attribute="age,name") | map(attribute="name") | list
users | sort(attribute="age", reverse=true) | map(attribute="name") | list
mixed | sort
[2, 1.5, true] | sort
d | sort
"hello" | sort
5 | sort
names | unique | list
names | unique(case_sensitive=true) | list
users | unique(attribute="age") | map(attribute="name") | list
[1, 1.0, true, 2] | unique | list
[[1], [1]] | unique | list
list | reverse | list
"abc" | reverse
d | reverse | list
5 | reverse
list | sum
list | sum(start=10)
users | sum(attribute="age")
["a", "b"] | sum
["a"] | sum(start="")
[[1], [2]] | sum(start=[])
[0.1, 0.2, 0.3] | sum
list | min
list | max
names | min
names | max
names | min(case_sensitive=true)
users | max(attribute="age")
none_list | min
none_list | max is defined
mixed | max
list | first
none_list | first
none_list | first is defined
list | last
none_list | last
"abc" | last
"abc" | first
d | first
d | last
5 | first
(list | select) | last
list | length
s | length
uni | length
5 | length
none | length
d | count
range(4) | length
"abc" | list
d | list
d.items() | list
5 | list
none | list
range(3) | list
range(1, 10, 3) | list
range(5, 0, -2) | list
range(0)
range(3)
range(1, 5, 2)
range(100001)
range(1, 2, 0)
range("a")
range(1.5)
range()
[1,2,3,4,5] | batch(2) | list
[1,2,3,4,5] | batch(2, "x") | list
[1,2,3,4,5] | slice(2) | list
[1,2,3,4,5] | slice(3, "x") | list
[1,2] | slice(0) | list
users | groupby("age") | map("first") | list
users | groupby("age") | map(attribute="grouper") | list
users | groupby("address.city", default="none") | map("list") | map("length") | list
d | dictsort
d | dictsort(true)
d | dictsort(reverse=true)
{"x": 2, "y": 1} | dictsort(by="value")
{"x": 2, "y": 1} | dictsort(false, "value", true)
{"x": 2, 1: 1} | dictsort
d | dictsort(by="z")
list | dictsort
d | items | list
list | items | list
s | upper
s | lower
"hello world-foo (bar) it's" | title
"hELLO wORLD" | title
"ǆabc" | title
s | capitalize
uni | capitalize
pad | trim
"xxhixx" | trim("x")
5 | upper
none | upper
true | lower
s | replace("l", "L")
s | replace("l", "L", 1)
s | replace("l", "L", count=0)
5 | replace("5", "6")
s | replace("l", 1)
none | replace("N", "n")
s | center(20) ~ "|"
s | center
"a\nb\n\nc" | indent
"a\nb\n\nc" | indent(2)
"a\nb\n\nc" | indent(2, true)
"a\nb\n\nc" | indent(2, blank=true)
"a\nb" | indent("> ", true)
"a\nb\n" | indent
"" | indent(4, true)
5 | indent
words | truncate(20)
words | truncate(20, true)
words | truncate(20, false, "~")
words | truncate(20, leeway=0)
words | truncate(52)
words | truncate(1)
words | wordwrap(15)
words | wordwrap(15, wrapstring="|")
"averyveryverylongword short" | wordwrap(8)
"averyveryverylongword short" | wordwrap(8, false)
"well-known hyphen-words" | wordwrap(8)
"a\n\nb" | wordwrap(5)
words | wordcount
"it's a-b c_d" | wordcount
html | escape
html | e
html | e | e
html | forceescape
html | safe
html | striptags
"<p>a  b</p><!-- c -->&amp; &#65;" | striptags
(html | safe) ~ "<i>"
(html | safe) + "<i>"
"<i>" + (html | safe)
(html | escape) + (html | safe)
("<b>%s</b>" | safe) % "<i>"
("<b>%s %d</b>" | safe) % ("<i>", 5)
("<b>{}</b>" | safe).format("<i>")
("<b>" | safe) * 2
("<b>" | safe).join(["<i>", "x"])
("<b>" | safe).upper()
("a<b" | safe).replace("a", "<")
("a,b" | safe).split(",")
["<b>" | safe]
("x" | safe) is escaped
"x" is escaped
("x" | safe) == "x"
("<b>" | safe) | tojson
("<b>" | safe) | string
("<b>" | safe) | upper
("<b>" | safe) | length
{"a": 1} | xmlattr
{"a": "<", "b": none, "c d": 1} | xmlattr
{"a": "<", "b": none} | xmlattr(false)
"a b/c?d=é&" | urlencode
{"a": "b c", "d": "/"} | urlencode
[["a", 1]] | urlencode
5 | urlencode
"42" | int
" 42 " | int
"4_2" | int
"42.9" | int
"-3.9" | int
"abc" | int
"abc" | int(5)
"" | int
"0x1f" | int
"0x1f" | int(base=16)
"1f" | int(0, 16)
"0b11" | int(base=0)
"777" | int(base=8)
"1e3" | int
"inf" | int
"nan" | int
"９" | int
none | int
[] | int
3.99 | int
-3.99 | int
true | int
(1e300*1e300) | int
"3.14" | float
"1e5" | float
"abc" | float
"abc" | float(1.5)
" 2 " | float
none | float
"inf" | float
"nan" | float
"1_0.5" | float
5 | float
true | float
-5 | abs
-5.5 | abs
true | abs
"a" | abs
2.5 | round
3.5 | round
-2.5 | round
2.675 | round(2)
1234.5 | round(-2)
5 | round
5 | round(1)
15 | round(-1)
25 | round(-1)
2.1 | round(0, "ceil")
2.9 | round(0, "floor")
2.123 | round(1, "ceil")
5 | round(0, "ceil")
2.5 | round(method="bad")
"a" | round
1e20 | round
1 | filesizeformat
999 | filesizeformat
1000 | filesizeformat
1500000 | filesizeformat
1500000 | filesizeformat(true)
1e30 | filesizeformat
"x" | filesizeformat
schema | tojson
schema | tojson(indent=2)
schema | tojson(indent=0)
schema | tojson(indent="\t")
schema | tojson(indent=-1)
schema | tojson(true)
schema | tojson(ensure_ascii=true)
schema | tojson(separators=(",", ":"))
schema | tojson(separators=(",", ":"), indent=1)
schema | tojson(sort_keys=true)
schema | tojson(false, 2)
schema | tojson(separators=1)
mixed | tojson
quote | tojson
uni | tojson
uni | tojson(ensure_ascii=true)
html | tojson
"\x7f\x1f\u2028" | tojson
"\x7f\x1f\u2028" | tojson(true)
1e20 | tojson
1.0 | tojson
(1e300*1e300) | tojson
((1e300*1e300) - (1e300*1e300)) | tojson
none | tojson
true | tojson
(1, 2) | tojson
[] | tojson(indent=2)
{} | tojson(indent=2)
[[], {}, [1]] | tojson(indent=2)
{1: 2, none: 3, true: 4, 1.5: 5} | tojson
{(1, 2): 3} | tojson
{"b": 1, "a": 2, "10": 3, "9": 4} | tojson(sort_keys=true)
{"b": 1, 2: 3} | tojson(sort_keys=true)
range(3) | tojson
d.keys() | tojson
namespace(a=1) | tojson
schema | tojson | fromjson
d | pprint
mixed | pprint
s | pprint
d | attr("b")
none | default("x")
none | default("x", true)
"" | default("x")
"" | default("x", boolean=true)
0 | d("x", 1)
d.missing | default("x")
d.missing.y | default("x")
nothing | default("x") is none
n is odd
n is even
n is divisibleby 7
n is divisibleby(2)
neg is odd
f is odd
s is odd
n is defined
n is number
yes is number
s is number
n is integer
yes is integer
f is integer
f is float
n is float
yes is boolean
n is boolean
yes is true
1 is true
no is false
nothing is none
none is not none
s is string
n is string
list is sequence
s is sequence
d is sequence
n is sequence
d.keys() is sequence
range(2) is sequence
d is mapping
list is mapping
list is iterable
n is iterable
s is iterable
none is iterable
d.keys() is iterable
s.upper is callable
s is callable
range is callable
namespace is callable
n is eq 7
n is equalto 7
n is ne 7
n is lt 8
n is le 7
n is gt 7
n is ge 7
n is == 7
n is in [7]
n is not in [7]
n is in(list)
n is sameas 7
none is sameas none
list is sameas list
[1] is sameas [1]
1 is sameas true
"abc" is lower
"ABC" is upper
"Abc" is lower
"" is upper
5 is upper
"upper" is filter
"nope" is filter
"odd" is test
"nope" is test
n is nosuchtest
s | nosuchfilter
n is odd and n is not even
n is odd or zero is odd
n is odd == true
not n is odd
n is not odd
n + 1 is odd
n is defined is true
1 + 2 | string
-5 | abs | string
"a" ~ "b" | upper
n | string ~ "x"
(n | string).zfill(3)
"a|b".split("|") | last
namespace(a=1, b="x")
namespace(a=1).a
namespace(a=1).b
namespace({"z": 1}).z
namespace(a=1)["a"]
namespace() is mapping
dict(a=1, b=2)
dict({"x": 1}, y=2)
dict([["a", 1], ["b", 2]])
dict([1])
dict(a=1).a
cycler()
raise_exception("boom " ~ n)
raise_exception()
raise_exception(none)
raise_exception(undefined_thing)
raise_exception([1])
strftime_now("%Y-%m-%d %H:%M:%S")
strftime_now("%d %b %Y")
strftime_now("%A %B %j %U %w %p %I %y %%")
strftime_now("%-d/%-m")
strftime_now("Jour: é %Z%z|%f")
strftime_now("%A, %d %B %Y")
strftime_now(5)
5()
s()
none()
d.get(*["b"])
d.get(**{"key": "b"})
dict(**{"a": 1})
dict(**1)
range(*[1, 4]) | list
range(*5)
"{}{}".format(*"ab")
[1, 2
(1
{{1: 2}
1 +
1 2
a b
* 2
"unclosed
n.
n.1.2
n..x
list[0
list[]
list[0, 1]
|upper
n | 
n |
n is
n is not
& 1
n ? 1
@
1 = 2
x = 1
foo(a=1, 2)
foo(a=1, a=2)
foo(**a, *b)
lambda x: x
[x for x in list]
not
in
if
n if
loop
loop.index
caller()
varargs
_
é
1a
a1
__name__
9223372036854775807
9223372036854775807 - 1
""".strip("\n").split("\n")

TEMPLATES = [
    "",
    "\n",
    "plain",
    "trailing\n",
    "trailing\n\n",
    "crlf\r\nline\rend\r\n",
    "{{ s }}\n",
    "{{ s }}\n\nx",
    "  {{ s }}  \n  x",
    "a\n  {% if true %}\n  b\n  {% endif %}\nc",
    "a\n  {%- if true %}\n  b\n  {%- endif %}\nc",
    "a\n  {% if true -%}\n  b\n  {% endif -%}\nc",
    "a\n  {%+ if true %}\n  b\n  {%+ endif %}\nc",
    "a {% if true +%}\nb{% endif +%}\nc",
    "a  {{- s -}}  b",
    "a \n {{- s -}} \n b",
    "a {{+ s }} b",
    "x {% if true %} y {% endif %} z",
    "\t{% if true %}\t\n\tx\n\t{% endif %}\t\n",
    "{% if true %}\n\n{% endif %}\n\n",
    "a{# comment #}b",
    "a\n  {# comment #}\nb",
    "a\n  {#- comment -#}\n  b",
    "a\n  {#+ comment +#}\nb",
    "a {# multi\nline {{ x }} {% y %} #} b",
    "{# unclosed",
    "{% unclosed",
    "{{ unclosed",
    "{{ unclosed }",
    "{{ }}",
    "{% %}",
    "{{}}",
    "{ { } } {x} %} }} #}",
    "{{ '}}' }}{{ \"%}\" }}",
    "{{ {'a': {'b': 1}} }}",
    "{{ {'a': {'b': 1}}}}",
    "{% raw %}{{ x }} {% if %}{% endraw %}",
    "{% raw %}\n {{ x }}\n {% endraw %}\nz",
    "{%- raw -%}\n {{ x }}\n {%- endraw -%}\nz",
    "{% raw %} unclosed",
    "{%raw%}a{%endraw%}b",
    "{% rawx %}a{% endraw %}",
    "{% set x = 1 %}{{ x }}",
    "{% set x = 1, 2 %}{{ x }}",
    "{% set x, y = 1, 2 %}{{ x }}{{ y }}",
    "{% set (x, y) = [1, 2] %}{{ x }}{{ y }}",
    "{% set x, y = 1 %}",
    "{% set x, y = [1] %}",
    "{% set x, y = [1, 2, 3] %}",
    "{% set x, (y, z) = 1, (2, 3) %}{{ x }}{{ y }}{{ z }}",
    "{% set x, y = 'ab' %}{{ y }}{{ x }}",
    "{% set x, y = d %}",
    "{% set 1 = 2 %}",
    "{% set none = 2 %}",
    "{% set x.y = 2 %}",
    "{% set d.y = 2 %}",
    "{% set n['y'] = 2 %}",
    "{% set x %}block {{ n }}{% endset %}[{{ x }}]",
    "{% set x | upper %}block {{ n }}{% endset %}[{{ x }}]",
    "{% set x | upper | replace('B', '!') %}block{% endset %}[{{ x }}]",
    "{% set x %}{% set inner = 1 %}{% endset %}{{ inner }}",
    "{% set ns = namespace(a=1) %}{% set ns.a = 2 %}{% set ns.b = ns.a + 1 %}{{ ns.a }}{{ ns.b }}{{ ns }}",
    "{% set ns = namespace() %}{% for i in list %}{% set ns.x = i %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a }}{{ ns.b }}",
    "{% set ns = namespace(_p=1) %}{{ ns._p }}",
    "{% set ns = namespace() %}{% set ns.x %}cap{% endset %}{{ ns.x }}",
    "{% set ns = namespace(items=[1]) %}{{ ns.items }}",
    "{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{{ x }}{% endfor %}{{ x }}",
    "{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}",
    "{% for i in [1, 2] %}{{ x }}{% set x = i %}{{ x }}{% endfor %}",
    "{% if false %}{% set s = 1 %}{% endif %}{{ s }}",
    "{% if 0 %}a{% elif '' %}b{% elif 1 %}c{% else %}d{% endif %}",
    "{% if none %}a{% else %}d{% endif %}",
    "{% if true %}a",
    "{% if true %}a{% endfor %}",
    "{% endif %}",
    "{% else %}",
    "{% if %}a{% endif %}",
    "{% if true: %}a{% endif %}",
    "{% if 1, 2 %}a{% endif %}",
    "{% if x = 1 %}a{% endif %}",
    "{% for x in list %}{{ x }}{% endfor %}",
    "{% for x in list %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }};{% endfor %}",
    "{% for x in list %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }};{% endfor %}",
    "{% for x in list %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }};{% endfor %}",
    "{% for x in list | select('odd') %}{{ loop.length }}{{ loop.last }}{{ loop.revindex }}{{ x }};{% endfor %}",
    "{% for x in list if x > 1 %}{{ loop.index }}/{{ loop.length }}{{ x }}{{ loop.last }}{% else %}none{% endfor %}",
    "{% for x in list if x > 9 %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in list if loop.index > 1 %}{{ x }}{% endfor %}",
    "{% for x in [] %}{{ x }}{% else %}empty{% endfor %}",
    "{% for x in undefined_thing %}{{ x }}{% else %}empty{% endfor %}",
    "{% for x in none %}{{ x }}{% endfor %}",
    "{% for x in 5 %}{{ x }}{% endfor %}",
    "{% for c in 'aé你' %}{{ c }}|{% endfor %}",
    "{% for k in d %}{{ k }}{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d | items %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d | dictsort %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in list %}{{ k }}{% endfor %}",
    "{% for a, b in [[1, 2], [3, 4]] %}{{ a }}{{ b }};{% endfor %}",
    "{% for (a, b), c in [[[1, 2], 3]] %}{{ a }}{{ b }}{{ c }};{% endfor %}",
    "{% for a, in [[1], [2]] %}{{ a }}{% endfor %}",
    "{% for x in 1, 2, 3 %}{{ x }}{% endfor %}",
    "{% for x in list %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in list %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in list %}{% break %}{% else %}else{% endfor %}",
    "{% for x in list %}{% continue %}{% else %}else{% endfor %}",
    "{% for x in list %}{% if loop.last %}{% break %}{% endif %}{% else %}else{% endfor %}",
    "{% for x in list %}{% for y in list %}{% if y == 1 %}{% break %}{% endif %}{{ x }}{{ y }} {% endfor %}{% endfor %}",
    "{% break %}",
    "{% for x in list %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}",
    "{% for x in list %}{% set y %}a{% break %}{% endset %}{{ y }}{% endfor %}done",
    "{% for x in list %}{% with y=1 %}{{ x }}{% continue %}{% endwith %}z{% endfor %}",
    "{% for x in [] %}{% else %}{% break %}{% endfor %}",
    "{% for x in list %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% for x in list %}{{ loop.cycle() }}{% endfor %}",
    "{% for x in [1, 1, 2, 2, 1] %}{{ loop.changed(x) }}{% endfor %}",
    "{% for x in list %}{{ loop.depth }}{{ loop.depth0 }}{% for y in [1] %}{{ loop.depth }}{% endfor %}{% endfor %}",
    "{% for x in nested recursive %}{% if x is iterable %}[{{ loop(x) }}]{% else %}{{ x }}@{{ loop.depth }}{% endif %}{% if not loop.last %},{% endif %}{% endfor %}",
    "{% for x in list %}{{ loop(list) }}{% endfor %}",
    "{% for x in list recursive %}{{ loop() }}{% endfor %}",
    "{% for x in list %}{{ loop }}{% endfor %}",
    "{% for x in list %}{{ loop | length }}{% endfor %}",
    "{% for x in list %}{% endfor %}{{ x }}",
    "{% for x in list %}{% endfor %}{{ loop }}",
    "{% for loop in list %}{% endfor %}",
    "{% for x in list %}{% set loop = 1 %}{% endfor %}",
    "{% for x in list %}{% set outer = loop %}{% for y in [1, 2] %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}",
    "{% set it = list | select('gt', 0) %}{% for x in it %}{{ x }}{% endfor %}|{% for x in it %}{{ x }}{% endfor %}",
    "{% set it = list | map('string') %}{% for x in it %}{{ x }}{% break %}{% endfor %}|{{ it | join(',') }}",
    "{% set it = list | reverse %}{% for x in it %}{{ x }}{{ loop.length }}{% endfor %}|{{ it | list }}",
    "{% for x in list %}{{ x }}{% endfor x %}",
    "{% for x list %}{% endfor %}",
    "{% for x in %}{% endfor %}",
    "{% for 1 in list %}{% endfor %}",
    "{% for x.y in list %}{% endfor %}",
    "{% for x in list recursive if x %}{% endfor %}",
    "{% for x in list if x if x %}{{ x }}{% endfor %}",
    "{% for x in (list if yes else []) %}{{ x }}{% endfor %}",
    "{% for x in list if yes else [] %}{{ x }}{% endfor %}",
    "{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }};{% endmacro %}{{ m(1) }}{{ m(1, 5) }}{{ m(b=7, a=9) }}{{ m() }}",
    "{% macro m(a) %}{{ a is defined }}{{ a }}{% endmacro %}{{ m() }}",
    "{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(z=2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}",
    "{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, z=4) }}",
    "{% macro m() %}{{ kwargs | length }}{% endmacro %}{{ m(x=1, y=2) }}",
    "{% macro m() %}{{ varargs | join('-') }}{% endmacro %}{{ m(*list) }}",
    "{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}body {{ n }}{% endcall %}",
    "{% macro m() %}<{{ caller(1, b=2) }}>{% endmacro %}{% call(a, b) m() %}{{ a }}{{ b }}{% endcall %}",
    "{% macro m() %}<{{ caller('x') }}>{% endmacro %}{% call(a, b=5) m() %}{{ a }}{{ b }}{% endcall %}",
    "{% macro m() %}<{{ caller() }}>{% endmacro %}{{ m() }}",
    "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}",
    "{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}",
    "{% macro m(caller) %}{{ caller }}{% endmacro %}",
    "{% macro m(caller=1) %}{{ caller }}{% endmacro %}{{ m() }}",
    "{% call s.upper() %}x{% endcall %}",
    "{% call n %}x{% endcall %}",
    "{% macro f(i) %}{% if i > 0 %}{{ i }}{{ f(i - 1) }}{% endif %}{% endmacro %}{{ f(5) }}",
    "{% macro f(i) %}{{ f(i) }}{% endmacro %}{{ f(5) }}",
    "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}",
    "{{ late() }}{% macro late() %}x{% endmacro %}",
    "{% set x = 1 %}{% macro m() %}{{ x }}{% endmacro %}{% set x = 2 %}{{ m() }}",
    "{% macro m() %}{{ x }}{% endmacro %}{% for x in [1] %}{{ m() }}{% endfor %}|{% set x = 5 %}{{ m() }}",
    "{% macro m() %}{% set x = 5 %}{% endmacro %}{{ m() }}{{ x }}",
    "{% for i in [1, 2] %}{% macro m() %}{{ i }}{{ loop.index }}{% endmacro %}{{ m() }}{% endfor %}",
    "{% macro m() %}  x\n{% endmacro %}[{{ m() }}][{{ m() | trim }}]",
    "{% macro m() %}a{% endmacro %}{{ m }}{{ m.name }}{{ m is callable }}{{ m is string }}{{ m() is string }}",
    "{% macro m(a, a) %}{% endmacro %}",
    "{% macro m(a=1, b) %}{% endmacro %}",
    "{% macro m %}{% endmacro %}",
    "{% macro m() %}",
    "{% macro m(a, b, c) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(**{'a': 1, 'c': 3}) }}",
    "{% macro m(x) %}{{ x }}{% endmacro %}{{ list | map('string') | map('upper') | join }}{{ m(m(1)) }}",
    "{% macro outer() %}{% macro inner() %}I{{ caller() }}{% endmacro %}{% call inner() %}{{ caller() }}{% endcall %}{% endmacro %}{% call outer() %}C{% endcall %}",
    "{% filter upper %}abc {{ s }}{% endfilter %}",
    "{% filter replace('a', 'b') | upper %}aaa{% endfilter %}",
    "{% filter upper %}{% set q = 1 %}{% endfilter %}{{ q }}",
    "{% filter nosuch %}x{% endfilter %}",
    "{% with %}{% set x = 1 %}{{ x }}{% endwith %}{{ x }}",
    "{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% with a = 1, b = a %}{{ b }}{% endwith %}",
    "{% with a, b = [1, 2] %}{{ b }}{{ a }}{% endwith %}",
    "{% block x %}in block {{ n }}{% endblock %}",
    "{% block x %}a{% endblock x %}{% block y %}b{% endblock %}",
    "{% block x %}a{% endblock %}{% block x %}b{% endblock %}",
    "{% for i in list %}{% block x %}{{ i }}{% endblock %}{% endfor %}",
    "{% for i in list %}{% block x scoped %}{{ i }}{% endblock %}{% endfor %}",
    "{% set v = 1 %}{% block x %}{{ v }}{% set v = 2 %}{% endblock %}{{ v }}",
    "{% print n, s %}",
    "{% do list.append(1) %}",
    "{% include 'x' %}",
    "{% import 'x' as y %}",
    "{% from 'x' import y %}",
    "{% extends 'x' %}",
    "{% if false %}{% include 'x' %}{% endif %}ok",
    "{% autoescape false %}{{ html }}{% endautoescape %}",
    "{% generation %}{{ s }}{% endgeneration %}",
    "a\n  {% generation %}\n{{ s }}\n  {%- endgeneration -%}\n b",
    "{% generation %}{% set q = 1 %}{% endgeneration %}{{ q }}",
    "{% for x in list %}{% generation %}{{ x }}{{ loop.index }}{% endgeneration %}{% endfor %}",
    "{% generation %}x",
    "{% nosuchtag %}",
    "{% trans %}x{% endtrans %}",
    "{% debug %}",
    "{% if true %}{{ s | nosuch }}{% endif %}",
    "{% if false %}{{ s | nosuch }}{% endif %}ok",
    "{% if false %}{% for x in list %}{{ s | nosuch }}{% endfor %}{% endif %}ok",
    "{% for x in [] %}{{ s | nosuch }}{% endfor %}ok",
    "{{ 1 if true else (s | nosuch) }}",
    "{{ (s | nosuch) if false else 2 }}",
    "{% if false %}{{ s is nosuch }}{% endif %}ok",
    "{% set x = (s | nosuch) if false else 1 %}{{ x }}",
    "{% macro m() %}{{ s | nosuch }}{% endmacro %}ok",
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.reset() }}{{ c.current }}",
    "{% set j = joiner('|') %}{% for x in list %}{{ j() }}{{ x }}{% endfor %}",
    "{% set j = joiner() %}{{ j() }}a{{ j() }}b",
    "{% for g in users | groupby('age') %}{{ g.grouper }}:{% for u in g.list %}{{ u.name }} {% endfor %}{% endfor %}",
    "{% for age, us in users | groupby('age') %}{{ age }}={{ us | length }} {% endfor %}",
    "{% for row in [1,2,3] | batch(2) %}{{ row | join('-') }};{% endfor %}",
    "{% set x = {'a': 1} %}{% for k in x %}{{ k }}{{ x[k] }}{{ x.get(k) }}{% endfor %}",
    "{% set xs = [] %}{% for x in list %}{% set xs = xs + [x] %}{% endfor %}{{ xs }}",
    "{% set ns = namespace(xs=[]) %}{% for x in list %}{% set ns.xs = ns.xs + [x] %}{% endfor %}{{ ns.xs }}",
    "{%- set a = 'x' -%}\n\n  {{- a }}\n{%- if a == 'x' -%}\n  yes\n{%- endif %}\n",
    "{{- s }}\n  {{- s -}}\n  {{ s -}} ",
    "line1\n{% if true %}line2{% endif %}\nline3\n",
    "  {% if true %}  x{% endif %}  y",
    "x\n\n  {% set a = 1 %}  \n\n  y",
    "{% set a = 1 -%}   \n\n y",
    "{% set a = 1 +%}\ny",
    "{{ s }}{% if true %}\n{% endif %}x",
    "\u00a0{%- if true %}x{% endif %}",
    "\u2003\n {% if true %}x{% endif %}",
    "{{ raise_exception('Conversation roles must alternate') }}",
    "{% for m in users %}{% if not m.active %}{{ raise_exception('bad ' + m.name + '!') }}{% endif %}{% endfor %}",
    "{% if (users[0].role == 'system') != false %}x{% else %}y{% endif %}",
    "{% set content = users[0]['content'] if users[0]['content'] is defined else 'none' %}{{ content }}",
    "{{ users[0].name + users[0].missing }}",
    "{{ users[9].name }}",
    "{{ users[0]['tags'][0] }}{{ users[1]['tags'][0] }}",
    "{% set first, *rest = list %}",
    "{{ '%s' % undefined_thing }}",
    "{{ {'a': 1}.a }}{{ {'a': 1}['a'] }}{{ [1, 2][1] }}{{ 'abc'[1] }}{{ (1, 2)[0] }}",
    "{{ not d.missing }}{{ d.missing is none }}{{ d.missing == '' }}",
    "{% set a = b = 1 %}",
    "{% set %}",
    "{% set x %}",
    "{% if a is defined and a is not none and a | length > 0 %}x{% else %}y{% endif %}",
    "{{ 'a' if n is defined and n > 5 else 'b' }}",
    "{{ 'a' if n is string else 'b' }}",
    "{{ n is string if yes else 'b' }}",
    "{{ [1, 2, 3][::-1] | list }}{{ (list | sort)[0] }}",
    "{{ users | tojson(indent=4) }}",
    "{{ users | map(attribute='name') | list | tojson }}",
    "{{ s.split(', ')[1].lower().replace('w', 'W') }}",
    "{{ (s ~ '</think>x').split('</think>')[-1].lstrip('\\n') }}",
    "{{ messages }}{{ tools is none }}",
    "{{ '\\n' }}{{ \"\\t\" }}{{ '\\\\n' }}",
    "{{ 'multi\nline' }}",
    "{{ 'multi\r\nline' | length }}",
    "{{ 5 if }}",
    "{{ list[1:2, 0] }}",
    "{{ range(3) | map('string') | join(',') }}{{ range(10) | sum }}{{ 3 in range(5) }}",
    "{{ d.keys() | sort }}{{ d.values() | list | length }}{{ 'b' in d.keys() }}{{ 1 in d.values() }}",
    "{{ ('a', 1) in d.items() }}{{ ('b', 1) in d.items() }}",
    "{{ d.items() | map('first') | list }}",
    "{{ dict(a=1).items() | list | first | last }}",
]
