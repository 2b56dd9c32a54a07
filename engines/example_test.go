package engines_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"rrbench/engines"
	"rrbench/engines/catalogue"
)

// A module that imports env.nothing is compiled once and instantiated; its host offers the
// function, calls one of its exports and looks into its memory.
func Example() {
	wasm, err := os.ReadFile("enginetest/testdata/hosted.wasm")
	if err != nil {
		log.Fatal(err)
	}
	engine, err := catalogue.New("wazero", catalogue.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()
	module, err := engine.Compile(context.Background(), wasm)
	if err != nil {
		log.Fatal(err)
	}
	defer module.Close()

	var imports []engines.HostFunction
	for _, wanted := range module.Imports() {
		imports = append(imports, engines.HostFunction{
			FunctionType: wanted, Module: wanted.ImportModule,
			Handler: func(engines.Instance, []uint64) error {
				fmt.Println("the guest calls", wanted.Name)
				return nil
			},
		})
	}
	guest, err := module.Instantiate(context.Background(), engines.InstanceConfig{
		Name: "example", Imports: imports, MemoryLimit: 16 << 20,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer guest.Close()

	nothing, _ := guest.Function("nothing")
	if err := nothing.Call(nil); err != nil {
		log.Fatal(err)
	}
	add, _ := guest.Function("add")
	stack := []uint64{40, 2}
	if err := add.Call(stack); err != nil {
		log.Fatal(err)
	}
	fmt.Println(stack[0], "and", len(guest.Memory().Bytes()), "bytes of memory")
	// Output:
	// the guest calls nothing
	// 42 and 65536 bytes of memory
}
