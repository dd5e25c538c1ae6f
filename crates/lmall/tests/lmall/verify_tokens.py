"""Reads a list of tokens from standard input; prints the claims of each, or why it is refused,
as PyJWT sees it with the keys at the address that is the argument."""

import json
import sys

import jwt

keys = jwt.PyJWKClient(sys.argv[1])


def claims(token):
    try:
        key = keys.get_signing_key_from_jwt(token)
        return jwt.decode(token, key, algorithms=["EdDSA"], audience="lmall", issuer="lmall")
    except jwt.PyJWTError as error:
        return type(error).__name__


print(json.dumps([claims(token) for token in json.load(sys.stdin)]))
