"""`python -m zeek_beacons_lab`."""

from zeek_beacons_lab.cli import main

if __name__ == "__main__":
    main()
