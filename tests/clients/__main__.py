"""Downloads once what the tests of clients need, so that later runs need no network."""

import sys

from tests.clients.clients import NoSuchProgram, NotRead, install_kafkajs

if __name__ == "__main__":
    try:
        install_kafkajs()
    except NoSuchProgram as error:
        sys.stderr.write(f"{error}: the tests with kafkajs will be skipped\n")
    except NotRead as error:
        sys.stderr.write(f"npm could not install kafkajs; its test will try again: {error}\n")
