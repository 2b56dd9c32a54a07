//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"rrbench/engines"
	"rrbench/image"
)

func imageCommand() *cobra.Command {
	var output, layout string
	c := &cobra.Command{
		Use:   "image FUNCTION.wasm",
		Short: "Write a WebAssembly module as OCI images for containerd",
		Long: `image writes an OCI layout with one image of a WebAssembly module: localhost/ and the
module's file name. The layout plain is for this project's shim and for runwasi's, crun has
crun's annotation, and artifact is that of the CNCF's working group, which containerd can
import (with --no-unpack) and push. See docs/containerd.md.`,
		Example: `  rrbench image hello.wasm -o hello.tar`,
		Args:    between(1, 1, "give one module, FUNCTION.wasm"),
		RunE: func(c *cobra.Command, arguments []string) error {
			name := strings.ToLower(strings.TrimSuffix(filepath.Base(arguments[0]), ".wasm"))
			if !slices.Contains(image.Layouts, image.Layout(layout)) {
				return fmt.Errorf("layout %q: known are %v: %w", layout, image.Layouts, errCommandLine)
			}
			module, err := readModule(arguments[0])
			if err != nil {
				return err
			}
			var archive bytes.Buffer
			if _, err := image.Write(&archive, image.Layout(layout), name, name, module); err != nil {
				return fmt.Errorf("%s: %w", arguments[0], err)
			}
			if err := renameio.WriteFile(output, archive.Bytes(), 0o644, renameio.WithTempDir(filepath.Dir(output))); err != nil {
				return fmt.Errorf("write the image: %w", err)
			}
			fmt.Fprintf(stdout, "%s: %s\n", output, image.Reference(name))
			return nil
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "image.tar", "the archive to write")
	c.Flags().StringVar(&layout, "layout", string(image.Plain), "how the module lies in the image: plain, crun or artifact")
	return c
}

// readModule reads a file that is no larger than a module may be, and a byte more.
func readModule(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, engines.MaxModule+1))
}
