// Package control is the one protocol by which a driver asks something of a shim, wherever it
// runs. Its reference is control.proto.
package control

// The generated files are committed, so that a build needs no protoc. To make them anew:
// protoc 3.21 or later, and in PATH
//
//	go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
//	go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
//
//go:generate protoc --proto_path=. --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative control.proto
