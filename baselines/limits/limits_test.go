package limits

import (
	"testing"

	"rrbench/transport/transporttest"
)

func TestMain(m *testing.M) {
	transporttest.Main(m, NewMemcpy(), NewMremap(), NewUnix(), NewDescriptor(), NewCMA(), NewRing(), NewSpin(), NewTCP(), NewSplice())
}

func TestConformance(t *testing.T) {
	for _, open := range []transporttest.New{NewMemcpy, NewMremap, NewUnix, NewDescriptor, NewCMA, NewRing, NewSpin, NewTCP, NewSplice} {
		transporttest.Run(t, open, transporttest.Options{})
	}
}
