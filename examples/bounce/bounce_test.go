package bounce

import (
	"testing"
	"time"

	"rrbench/engines/catalogue"
	"rrbench/payloads"
	"rrbench/transport"
	"rrbench/transport/transporttest"
)

func TestConformance(t *testing.T) {
	for _, engine := range catalogue.Names() {
		t.Run(engine, func(t *testing.T) {
			if err := catalogue.Check(engine); err != nil {
				t.Skip(err)
			}
			transporttest.Exercise(t, New(), transport.Setup{
				Engine: engine, Guest: "c", Codec: transport.None, Payload: payloads.Text,
				Size: 300_000, Fanout: 3, Deadline: time.Minute,
			}, false)
		})
	}
}
