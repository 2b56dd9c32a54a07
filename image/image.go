// Package image makes OCI images of WebAssembly modules.
package image

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"

	"github.com/dustin/go-humanize"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/oci"

	"rrbench/engines"
)

// Layout is how a module lies in an image.
type Layout string

const (
	// Plain is an image with one file, the module: for this project's shim, and runwasi's.
	Plain Layout = "plain"
	// Crun is the same with the annotation by which crun knows it for WebAssembly.
	Crun Layout = "crun"
	// Artifact is that of the CNCF's working group for WebAssembly, in which the module is itself
	// the layer.
	Artifact Layout = "artifact"
)

// Layouts are all, the usual one first.
var Layouts = []Layout{Plain, Crun, Artifact}

// What the layouts are made of; see https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/
// and https://github.com/containers/crun/blob/main/docs/wasm-wasi-example.md
const (
	architecture       = "wasm"
	system             = "wasip1"
	artifactConfigType = "application/vnd.wasm.config.v0+json"
	artifactLayerType  = "application/wasm"
	crunVariant        = "module.wasm.image/variant"
)

// created is when all images were made: the same module gives the same bytes.
const created = "1970-01-01T00:00:00Z"

// Reference is the name of an image as containerd imports it.
func Reference(name string) string { return "localhost/" + name + ":latest" }

// names are those of a path component of a repository in the OCI distribution specification.
var names = regexp.MustCompile(`^[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

// Write writes an OCI image layout, as a tar archive, with an image of a module. The function's first argument
// is /FUNCTION.wasm, the image's Reference has the name. The snapshot is what containerd calls the image's
// file system when it is unpacked.
func Write(ctx context.Context, to io.Writer, layout Layout, function, name string, module []byte) (snapshot string, err error) {
	if err := engines.CheckPreamble(module); err != nil {
		return "", err
	}
	if len(module) > engines.MaxModule {
		return "", fmt.Errorf("the module is larger than the %s that one may have", humanize.IBytes(engines.MaxModule))
	}
	for _, name := range []string{function, name} {
		if !names.MatchString(name) {
			return "", fmt.Errorf("%q cannot be the name of an image: letters, digits and single - . _ between them", name)
		}
	}
	directory, err := os.MkdirTemp("", "rrbench-image-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(directory)
	store, err := oci.New(directory)
	if err != nil {
		return "", err
	}
	p := packer{ctx: ctx, store: store}
	if err := p.pack(layout, function, name, module); err != nil {
		return "", fmt.Errorf("make an image: %w", err)
	}
	archive, tree := tar.NewWriter(to), os.DirFS(directory)
	err = fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(tree, path)
		if err != nil {
			return err
		}
		return add(archive, path, 0o644, content)
	})
	if err = errors.Join(err, archive.Close()); err != nil {
		return "", fmt.Errorf("write an image: %w", err)
	}
	return p.snapshot, nil
}

// add adds a file that is of no time and no user.
func add(archive *tar.Writer, name string, mode int64, content []byte) error {
	err := archive.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(content)), Typeflag: tar.TypeReg})
	if err == nil {
		_, err = archive.Write(content)
	}
	return err
}

// layerOf is a file system with one file.
func layerOf(name string, content []byte) ([]byte, error) {
	var layer bytes.Buffer
	archive := tar.NewWriter(&layer)
	err := errors.Join(add(archive, name, 0o755, content), archive.Close())
	return layer.Bytes(), err
}

// packer pushes blobs until one has failed.
type packer struct {
	ctx   context.Context
	store *oci.Store
	err   error
	// snapshot is the digest of the only layer's content, by which a chain of one is known.
	snapshot string
}

func (p *packer) pack(layout Layout, function, name string, module []byte) error {
	manifest := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest}
	if layout == Artifact {
		manifest.Config = p.pushJSON(artifactConfigType, map[string]any{
			"created": created, "architecture": architecture, "os": system,
			"layerDigests": []digest.Digest{digest.FromBytes(module)},
		})
		manifest.Layers = []v1.Descriptor{p.push(artifactLayerType, module)}
	} else {
		file := function + ".wasm"
		layer, err := layerOf(file, module)
		if err != nil {
			return err
		}
		p.snapshot = digest.FromBytes(layer).String()
		manifest.Config = p.pushJSON(v1.MediaTypeImageConfig, v1.Image{
			Platform: v1.Platform{Architecture: architecture, OS: system},
			Config:   v1.ImageConfig{Entrypoint: []string{"/" + file}},
			RootFS:   v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromBytes(layer)}},
		})
		manifest.Layers = []v1.Descriptor{p.push(v1.MediaTypeImageLayer, layer)}
	}
	if layout == Crun {
		manifest.Annotations = map[string]string{crunVariant: "compat"}
	}
	pushed := p.pushJSON(v1.MediaTypeImageManifest, manifest)
	if p.err != nil {
		return p.err
	}
	// Containerd's importer reads the whole name from this annotation.
	pushed.Annotations = map[string]string{"io.containerd.image.name": Reference(name)}
	return p.store.Tag(p.ctx, pushed, "latest")
}

func (p *packer) push(mediaType string, content []byte) (pushed v1.Descriptor) {
	if p.err == nil {
		pushed, p.err = oras.PushBytes(p.ctx, p.store, mediaType, content)
	}
	return pushed
}

func (p *packer) pushJSON(mediaType string, value any) v1.Descriptor {
	content, err := json.Marshal(value)
	p.err = errors.Join(p.err, err)
	return p.push(mediaType, content)
}
