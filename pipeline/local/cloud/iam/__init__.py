"""IAM, where other services of the local cloud ask it: who signed a request, and what a policy allows.

Emulated, by the emulator: users, roles, policies, access keys, sessions, the evaluation of policies. Asked are API
Gateway's callers and roles, HealthLake's callers, and (in `s3/patches.py`) callers of another account's bucket.
Not emulated: no other service asks. There is nothing to install: nothing of the emulator is replaced.
"""
