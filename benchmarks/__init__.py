"""What ds-ec2 takes: `make bench` measures it and writes docs/reference/benchmarks.md."""
