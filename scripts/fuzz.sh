#!/usr/bin/env bash
# Feeds every entry that takes bytes from outside with inputs that libFuzzer makes up, for a bounded time.
#
# Usage: fuzz.sh [TARGET...]
#   FUZZ_SECONDS  seconds for each target (default 10)
#   FUZZ_KEEP=1   afterwards adds to Fuzz/Corpus the inputs that reach code which the kept ones do not
#
# Starts from Fuzz/Corpus/TARGET and, for the request machine, from Tests/Corpus/HTTP. An input that breaks a promise is
# written to .run/fuzz/TARGET-crash-…; run it again with: .build-fuzz/release/Fuzz TARGET FILE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${FUZZ_SECONDS:-10}
# The backtracer would end the process before libFuzzer can write the input down.
export SWIFT_BACKTRACE=enable=no

toolchain=$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")
FUZZER_RUNTIME=$(find "$toolchain/lib" -name 'libclang_rt.fuzzer_no_main*.a' | grep -m1 -E "fuzzer_no_main(-$(uname -m))?\.a")
export FUZZER_RUNTIME
swift build -c release --package-path Fuzz --scratch-path .build-fuzz
fuzz=.build-fuzz/release/Fuzz

if [ $# -gt 0 ]; then targets=("$@"); else mapfile -t targets < <("$fuzz"); fi
failed=0
for target in "${targets[@]}"; do
    kept=Fuzz/Corpus/$target found=.run/fuzz/$target
    mkdir -p "$kept" "$found"
    seeds=()
    if [ "$target" = request-machine ]; then
        seeds=(.run/fuzz/seeds)
        python3 Tests/Corpus/corpus.py seeds "${seeds[0]}"
    fi
    log=.run/fuzz/$target.log
    if "$fuzz" "$target" "$found" "$kept" "${seeds[@]}" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
        -max_len=4096 -artifact_prefix=".run/fuzz/$target-" -print_final_stats=1 >"$log" 2>&1; then
        awk -v target="$target" '/number_of_executed_units|average_exec_per_sec|new_units_added/ { n[$1] = $2 }
            /cov: / { for (i = 1; i <= NF; i++) if ($i == "cov:") cov = $(i + 1) }
            END { printf "%-20s %9d inputs, %7d a second, %5d places reached, %d new\n", target,
                n["stat::number_of_executed_units:"], n["stat::average_exec_per_sec:"], cov, n["stat::new_units_added:"] }' "$log"
    else
        failed=1
        tail -n 40 "$log"
        echo "$target: a promise is broken; the input is in .run/fuzz" >&2
    fi
    if [ "${FUZZ_KEEP:-0}" = 1 ]; then "$fuzz" "$target" -merge=1 -max_len=512 "$kept" "${seeds[@]}" "$found" >>"$log" 2>&1; fi
done
exit "$failed"
