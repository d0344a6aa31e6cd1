"""ds-ec2 on the laptop: argv in, a machine on AWS out."""
