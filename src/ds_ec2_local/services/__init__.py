"""The AWS services of the embedded AWS: moto's, with ours over them."""
