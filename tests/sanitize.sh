#!/usr/bin/env bash
# Builds the native code with sanitizers, in build/sanitize, and runs what uses most of it: tests/sanitize.sh [TARGET]
#
# Twice: with AddressSanitizer and UndefinedBehaviorSanitizer, and with ThreadSanitizer. Scratch is a block of its own
# for every take, and a workspace's pieces have gaps between them (scratch.c, redzone.h). The first report ends the run.
# SANITIZERS="address" or "thread" runs one of the two.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-$(grep -qw avx512_vnni /proc/cpuinfo && echo avx512vnni || echo avx2)}
python=${PYTHON:-python}
for name in ${SANITIZERS:-address thread}; do
    case $name in
        address) flags="-fsanitize=address,undefined -fno-sanitize-recover=undefined"; libraries="libasan.so libubsan.so" ;;
        thread) flags="-fsanitize=thread"; libraries="libtsan.so" ;;
    esac
    copy=build/sanitize/$name
    mkdir -p "$copy"
    # Without what was built. Times stay as they are, so that a later run builds what changed.
    tar -c --exclude=__pycache__ --exclude='*.so' setup.py pyproject.toml fastla tests | tar -x -C "$copy"
    (
        cd "$copy"
        unset "${!FASTLA_@}"
        export PYTHONPATH=$PWD PYTHONMALLOC=malloc FASTLA_TARGET=$target
        FASTLA_BUILD_TARGETS=$target FASTLA_BUILD_FLAGS="$flags -O1 -g1 -fno-omit-frame-pointer" \
            "$python" setup.py build_ext --inplace > build.log 2>&1 || { tail -50 build.log; exit 1; }
        preload=
        for library in $libraries; do preload+=" $(gcc -print-file-name="$library")"; done
        # Python leaves much behind when it ends: leaks of the native code are found by a count (tests/sanitized.py).
        export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:allocator_may_return_null=1
        export UBSAN_OPTIONS=print_stacktrace=1
        export TSAN_OPTIONS="halt_on_error=1 exitcode=66 history_size=7 suppressions=$PWD/tests/sanitize.suppressions"
        # setarch: addresses as ThreadSanitizer expects them.
        run() { echo "+ $name: $*"; LD_PRELOAD=$preload setarch -R "$python" "$@"; }
        run tests/sanitized.py
        if [ "$name" = address ]; then
            run -m pytest -q -x -p no:cacheprovider -k "not fork" tests/runtime/test_scratch.py tests/index \
                tests/search/test_candidates.py tests/search/test_columns.py tests/search/test_nearest.py \
                tests/products/test_batched.py tests/products/test_dot.py tests/products/test_routes.py tests/rows/test_softmax.py tests/layers \
                tests/attention/test_attention_routes.py
        else
            run -m pytest -q -x -p no:cacheprovider tests/index/test_changes.py tests/runtime/test_threads.py \
                -k "not fork and not scratch_of_ended"     # memory is ThreadSanitizer's here
        fi
    )
done
