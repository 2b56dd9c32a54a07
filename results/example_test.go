package results_test

import (
	"fmt"
	"log"

	"rrbench/results"
)

// The rows of trials.csv serve for statistics of one's own, those of summary.csv for the
// usual ones: both have a field a column.
func ExampleOpen() {
	run, err := results.Open("testdata")
	if err != nil {
		log.Fatal(err)
	}
	found, err := run.Read()
	if err != nil {
		log.Fatal(err)
	}
	for _, fault := range found.Damage {
		log.Print(fault)
	}
	slowest := make(map[string]int64)
	for _, trial := range found.Trials {
		if trial.Status == results.OK {
			slowest[trial.Transport] = max(slowest[trial.Transport], trial.Latency)
		}
	}
	for _, s := range found.Summaries[:3] {
		fmt.Println(s.Transport, results.FormatSize(float64(s.SizeBytes)), s.Status, s.LatencyMedian <= float64(slowest[s.Transport]))
	}
	// Output:
	// limit/memcpy 64 KiB ok true
	// limit/memcpy 64 KiB ok true
	// limit/memcpy 10 MiB ok true
}
