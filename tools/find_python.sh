#!/bin/sh
# Print the first Python that is new enough (3.11); used by the Makefile.
for python in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
    if [ -n "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        command -v "$python"
        exit 0
    fi
done
echo "alertwall needs Python 3.11 or newer; none was found (on Debian 12 and Ubuntu 24.04: apt install python3 python3-venv)" >&2
exit 2
