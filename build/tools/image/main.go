// Command image writes the container image of a release as an OCI layout: one index
// with an image for each platform, from scratch. It holds the binary and the CA roots,
// as the image of the Dockerfile does. The same files give the same digest.
package main

import (
	"archive/tar"
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// release is what the image says of itself.
type release struct {
	version, revision, roots string
	at                       time.Time
}

func main() {
	version := flag.String("version", "", "version")
	revision := flag.String("revision", "", "commit")
	roots := flag.String("roots", "/etc/ssl/certs/ca-certificates.crt", "PEM file of the CA roots")
	epoch := flag.Int64("epoch", 0, "time of all files, in seconds since 1970")
	out := flag.String("out", "", "folder of the layout")
	flag.Parse() // then: linux/amd64=BINARY ...
	r := release{*version, *revision, *roots, time.Unix(*epoch, 0).UTC()}
	if err := r.write(*out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func (r release) write(out string, binaries []string) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, binary := range binaries {
		platform, path, _ := strings.Cut(binary, "=")
		image, err := r.image(platform, path)
		if err != nil {
			return err
		}
		p, err := v1.ParsePlatform(platform)
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: p}})
	}
	annotated, ok := mutate.Annotations(index, r.labels()).(v1.ImageIndex)
	if !ok {
		return fmt.Errorf("the index lost its kind")
	}
	digest, err := annotated.Digest()
	if err != nil {
		return err
	}
	fmt.Println(digest)
	folder, err := layout.Write(out, empty.Index)
	if err != nil {
		return err
	}
	return folder.AppendIndex(annotated, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": r.version}))
}

func (r release) labels() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":    "apim-edge",
		"org.opencontainers.image.version":  r.version,
		"org.opencontainers.image.revision": r.revision,
		"org.opencontainers.image.created":  r.at.Format(time.RFC3339),
		"org.opencontainers.image.licenses": "Apache-2.0",
	}
}

func (r release) image(platform, binary string) (v1.Image, error) {
	os, arch, _ := strings.Cut(platform, "/")
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, file := range []struct {
		from, to string
		mode     int64
	}{{r.roots, "etc/ssl/certs/ca-certificates.crt", 0o644}, {binary, "apim-edge", 0o755}} {
		content, err := r.layer(file.from, file.to, file.mode)
		if err != nil {
			return nil, err
		}
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
			tarball.WithMediaType(types.OCILayer))
		if err != nil {
			return nil, err
		}
		if image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: r.at}, CreatedBy: "COPY " + file.to}}); err != nil {
			return nil, err
		}
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = os, arch, v1.Time{Time: r.at}
	config.Config = v1.Config{
		User: "65532:65532", Entrypoint: []string{"/apim-edge"}, Cmd: []string{"serve"}, WorkingDir: "/",
		ExposedPorts: map[string]struct{}{"8080/tcp": {}, "9090/tcp": {}}, Labels: r.labels(),
	}
	return mutate.ConfigFile(image, config)
}

// layer is a tar of one file and the folders above it.
func (r release) layer(from, to string, mode int64) ([]byte, error) {
	data, err := os.ReadFile(from)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	folders := strings.Split(filepath.ToSlash(filepath.Dir(to)), "/")
	for i := range folders {
		if folders[0] == "." {
			break
		}
		name := strings.Join(folders[:i+1], "/") + "/"
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755, ModTime: r.at}); err != nil {
			return nil, err
		}
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: to, Mode: mode, Size: int64(len(data)), ModTime: r.at}); err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil { // it writes the end of the archive
		return nil, err
	}
	return out.Bytes(), nil
}
