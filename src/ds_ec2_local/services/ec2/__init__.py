"""EC2: moto's, whose instances run and whose volumes have content."""
