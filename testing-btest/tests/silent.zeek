# @TEST-DOC: To load the package prints nothing: nothing that it uses is deprecated.
# @TEST-EXEC: zeek -b $PACKAGE > output 2>&1
# @TEST-EXEC: zeek -b $PACKAGE $FILES/../../zeek-scripts/netcontrol.zeek >> output 2>&1
# @TEST-EXEC: zeek -e '' 2>&1 | sort > without; zeek $PACKAGE -e '' 2>&1 | sort > with; comm -13 without with >> output
# @TEST-EXEC: btest-diff output
