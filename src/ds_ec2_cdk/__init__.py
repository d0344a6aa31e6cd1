"""The stacks in AWS CDK: run at build time, and usable in an app of your own."""
