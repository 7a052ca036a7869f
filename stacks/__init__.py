"""What is deployed where: the environments, their schema, the program and its offline preview."""
