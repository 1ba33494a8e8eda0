# @TEST-DOC: A file as an editor of Windows leaves it (UTF-8 mark, CRLF, a comment in another encoding) is the same list.
# @TEST-EXEC: printf '\357\273\277port 123/udp\r\n# B\374ro\r\nsubnet 198.51.100.0/24\r\n' > windows.txt
# @TEST-EXEC: printf 'port 123/udp\nsubnet 198.51.100.0/24\n' > plain.txt
# @TEST-EXEC: for list in windows plain; do zeek -b -r $TRACES/allowed.pcap $PACKAGE %INPUT Beacons::allow_file=$list.txt 2> $list.errors && zeek-cut reason resp < beacon_candidates.log | grep final | sort > $list.left; done
# @TEST-EXEC: ! grep warning windows.errors
# @TEST-EXEC: test -s plain.left && cmp windows.left plain.left
