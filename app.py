"""The CDK app: `cdk deploy`, `cdk diff`, `cdk destroy`."""

from pathlib import Path

from ds_ec2_cdk.app import main

if __name__ == "__main__":
    main(Path(__file__).parent)
