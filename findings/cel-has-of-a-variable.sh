#!/usr/bin/env bash
# cel-expr-python 0.1.3 (Google's CEL for Python): has() of a variable whose name has a dot is no test. It compiles, and is
# that variable's value and type; with a variable that is not set it is an error, where of a map's key it is false.
#
# The language says that has() is a macro for the presence of a field. Where variables are called "node.owner", so that
# each has a type and a misspelt one does not compile, "has(node.owner)" is taken for the variable: a text, no truth value.
# And what goes wrong while an expression is evaluated comes in two ways: an error of the language is returned as a
# value of the type ERROR, the bound of steps is raised as a RuntimeError.
#
# Seen:
#   has(a map's key): BOOL False
#   has(a variable): STRING 'x', not set: ERROR No value with name "node.owner" found in Activation
#   1 / 0: returned ERROR; 40,000 steps: raised RuntimeError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check cel-expr-python==0.1.3
cat >show.py <<'PY'
from cel_expr_python import cel

kind = cel.Type
one = cel.NewEnv(variables={"node": kind.Map(kind.STRING, kind.STRING), "numbers": kind.List(kind.INT)})
dotted = cel.NewEnv(variables={"node.owner": kind.STRING})

found = one.compile("has(node.owner)").eval(data={"node": {}})
assert (found.type().name(), found.value()) == ("BOOL", False), found.value()
print("has(a map's key):", found.type().name(), found.value())

expression = dotted.compile("has(node.owner)")
assert expression.return_type().name() == "STRING", expression.return_type().name()
is_set, unset = expression.eval(data={"node.owner": "x"}), expression.eval(data={})
assert is_set.value() == "x", is_set.value()
assert unset.type().name() == "ERROR", unset.type().name()
assert "No value with name" in str(unset.value()), unset.value()
print("has(a variable): STRING 'x', not set: ERROR", str(unset.value()).partition(": ")[2])

zero = one.compile("1 / 0 == 1").eval(data={})
assert zero.type().name() == "ERROR", zero.type().name()
try:
    one.compile("numbers.all(a, numbers.all(b, true))").eval(data={"numbers": list(range(200))})
except RuntimeError as error:
    assert "Iteration budget exceeded" in str(error), error
else:
    raise AssertionError("40,000 steps went through")
print("1 / 0: returned ERROR; 40,000 steps: raised RuntimeError")
PY
venv/bin/python show.py
