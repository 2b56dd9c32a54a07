package transport_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"rrbench/modes/user"
	"rrbench/payloads"
	"rrbench/transport"
)

// One payload goes from a function to another by user/copy. Both are in this process; where
// they are not, the endpoint travels from the one to the other.
func Example() {
	ctx := context.Background()
	tr := user.NewCopy()
	setup := transport.Setup{
		Engine: "wazero", Guest: "c", Codec: transport.None,
		Payload: payloads.Text, Size: 1 << 20, Fanout: 1, Deadline: time.Minute,
	}
	target, err := tr.Serve(ctx, setup)
	if err != nil {
		log.Fatal(err)
	}
	defer target.Close()
	route, err := tr.Open(ctx, setup, []transport.Endpoint{target.Endpoint()})
	if err != nil {
		log.Fatal(err)
	}
	defer route.Close()

	spec := payloads.Spec{Kind: payloads.Text, Seed: 7, Size: 1 << 20}
	digest, err := spec.Digest(), route.Prepare(spec)
	if err != nil {
		log.Fatal(err)
	}
	var handoff transport.Handoff
	if err := route.Send(&handoff); err != nil {
		log.Fatal(err)
	}
	for _, delivery := range handoff.Deliveries {
		if delivery.Err != nil {
			log.Fatal(delivery.Err)
		}
		p := delivery.Timeline.Phases()
		sum := p.Serialize + p.CopyOut + p.Transfer + p.CopyIn + p.Deserialize
		fmt.Println("whole:", delivery.Digest == digest && delivery.Length == 1<<20)
		fmt.Println("phases add up to the latency:", sum == delivery.Timeline.Latency())
	}
	// Output:
	// whole: true
	// phases add up to the latency: true
}
