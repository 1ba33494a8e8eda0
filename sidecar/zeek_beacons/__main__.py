"""`python -m zeek_beacons`: the same as the `zeek-beacons` command."""

from zeek_beacons.cli import main

if __name__ == "__main__":
    main()
