package results

import (
	"strings"
	"testing"
)

// The columns of summary.csv are a contract with scripts outside: this test changes only
// together with it.
func TestColumnsAreTheContract(t *testing.T) {
	const summary = "experiment,transport,engine,codec,placement,size_bytes,fanout,concurrency,status,reason,n," +
		"latency_median_ns,latency_lo_ns,latency_hi_ns,latency_p90_ns,latency_p99_ns," +
		"consumed_median_ns,serialize_median_ns,copy_out_median_ns,transfer_median_ns," +
		"copy_in_median_ns,deserialize_median_ns,throughput_ops_per_s,throughput_bytes_per_s," +
		"cpu_user_ns_per_op,cpu_kernel_ns_per_op,rss_peak_bytes,pss_peak_bytes," +
		"minor_faults_per_op,ctx_switches_per_op," +
		"consumed_lo_ns,consumed_hi_ns,first_median_ns,cycle_median_ns,makespan_median_ns," +
		"throughput_lo_bytes_per_s,throughput_hi_bytes_per_s,offered_ops_per_s,cpu_function_ns_per_op," +
		"cpu_kernel_lo_ns_per_op,cpu_kernel_hi_ns_per_op,softirq_ns_per_op,starts,origin,consume,route,fanin,fanout_order,size_mix,launcher,phase,notes"
	const trials = "trial,cell,block,start,noise,rep,worker,first,cycle_ns,seed,experiment,transport,engine,codec,placement," +
		"size_bytes,fanout,concurrency,offered_ops_per_s,origin,consume,route,fanin,fanout_order,size_mix,launcher,phase,payload_bytes," +
		"payload,target,status,reason,t0_ns,latency_ns,consumed_ns,serialize_ns,copy_out_ns,transfer_ns," +
		"copy_in_ns,deserialize_ns,clock,clock_bound_ns,cpu_user_ns,cpu_kernel_ns,softirq_ns,minor_faults," +
		"ctx_switches,rss_peak_bytes,pss_peak_bytes,digest"
	for want, columns := range map[string][]string{summary: SummaryColumns(), trials: TrialColumns()} {
		if got := strings.Join(columns, ","); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestEveryColumnIsExplained(t *testing.T) {
	for file, columns := range NewManifest().Columns {
		for name, note := range columns {
			if note == "" {
				t.Errorf("%s: column %s has no note", file, name)
			}
		}
	}
}

func TestFormatNumber(t *testing.T) {
	for value, want := range map[float64]string{
		0: "0", 1: "1", 130.5: "130.5", 1234567.8912: "1234567.891", 0.012345678: "0.0123457",
		-1e-9: "-0.000000001", -2.5: "-2.5", 7.34e9: "7340000000", 1.0 / 3: "0.333333",
	} {
		if got := formatNumber(value); got != want {
			t.Errorf("formatNumber(%v) = %s, want %s", value, got, want)
		}
	}
}

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                     "plain",
		"two\nlines\r\nand a tab\t": "two lines and a tab",
		strings.Repeat("ü", 600):    strings.Repeat("ü", 500) + "…",
	} {
		if got := oneLine(text); got != want {
			t.Errorf("oneLine(%q) = %q, want %q", text, got, want)
		}
	}
}
