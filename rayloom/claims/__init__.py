"""What methods are claimed to do: a number, a threshold, and a function that measures it anew.

The claims of a method are the tuple `CLAIMS` in `rayloom/claims/<method>.py`; what was measured last lies
beside it in `<method>.toml`. A claims module imports torch only inside its functions, so that listing is
quick.
"""
