"""The first process of an instance: standard library alone, and nothing imported from outside this folder.

Inside a sandbox this folder is all that is seen of the package, so its modules import each other only.
"""
