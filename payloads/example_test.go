package payloads_test

import (
	"encoding/json"
	"fmt"
	"log"

	"rrbench/payloads"
)

// Any payload can be made again from its spec, and its digest shows whether it arrived whole.
func ExampleDigest() {
	sent := make([]byte, 1<<20)
	payloads.Fill(sent, payloads.Bytes, 7)
	received := make([]byte, len(sent))
	copy(received, sent)
	fmt.Println(payloads.Digest(received) == payloads.Digest(sent))
	received[1000]++
	fmt.Println(payloads.Digest(received) == payloads.Digest(sent))
	// Output:
	// true
	// false
}

// What serializes sends an object; its digest is that of the same payload in memory.
func ExampleMessage() {
	flat := make([]byte, 1000)
	payloads.Fill(flat, payloads.Records, 7)
	sent, err := payloads.MessageFromFlat(payloads.Records, 7, flat)
	if err != nil {
		log.Fatal(err)
	}
	text, err := json.Marshal(sent)
	if err != nil {
		log.Fatal(err)
	}
	var received payloads.Message
	if err := json.Unmarshal(text, &received); err != nil {
		log.Fatal(err)
	}
	digest, length := received.Digest()
	fmt.Println(len(received.Records), "records,", length, "bytes,", digest == payloads.Digest(flat))
	// Output: 15 records, 1000 bytes, true
}

func ExampleParseSize() {
	for _, text := range []string{"64KiB", "1MB", "0.5MiB", "4GiB"} {
		size, err := payloads.ParseSize(text)
		fmt.Println(size, err)
	}
	// Output:
	// 65536 <nil>
	// 1048576 <nil>
	// 524288 <nil>
	// 0 size "4GiB" does not fit into a 32-bit linear memory: use at most 3GiB
}
