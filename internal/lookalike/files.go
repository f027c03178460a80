package lookalike

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"sync"
	"time"
)

// maxFiles bounds what is remembered; only metadata is, never content.
const maxFiles = 1000

// fileStore remembers the files that were uploaded, oldest first.
type fileStore struct {
	mu    sync.Mutex
	files []object // never changed once they are in here
}

func (f *fileStore) add(file object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.files) == maxFiles {
		f.files = slices.Delete(f.files, 0, 1)
	}
	f.files = append(f.files, file)
}

func (f *fileStore) all() []object {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]object{}, f.files...)
}

func (f *fileStore) get(id string) (object, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := f.index(id); i >= 0 {
		return f.files[i], true
	}
	return nil, false
}

func (f *fileStore) remove(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.index(id)
	if i < 0 {
		return false
	}
	f.files = slices.Delete(f.files, i, i+1)
	return true
}

func (f *fileStore) index(id string) int {
	return slices.IndexFunc(f.files, func(file object) bool { return file["id"] == id })
}

// uploadFile takes a multipart form with the fields file and purpose. The
// content is hashed and dropped.
func (x *exchange) uploadFile() answer {
	x.r.Body = io.NopCloser(x.body) // so that the parts count towards the digest
	form, err := x.r.MultipartReader()
	if err != nil {
		return invalidRequest("the body is no multipart form: " + err.Error())
	}
	file := object{
		"id": "file-" + guid(), "object": "file", "created_at": time.Now().Unix(),
		"purpose": "", "status": "processed",
	}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = readPart(part, file)
		}
		if err != nil {
			return invalidRequest("the form ended early: " + err.Error())
		}
	}
	if _, found := file["sha256"]; !found {
		return invalidRequest("the form has no field named file")
	}
	x.s.files.add(file)
	return jsonAnswer(http.StatusOK, file)
}

func readPart(part *multipart.Part, file object) error {
	switch part.FormName() {
	case "purpose":
		purpose, err := io.ReadAll(io.LimitReader(part, 1024))
		file["purpose"] = string(purpose)
		return err
	case "file":
		sum := sha256.New()
		n, err := io.Copy(sum, part)
		file["filename"], file["bytes"] = part.FileName(), n
		file["sha256"] = hex.EncodeToString(sum.Sum(nil))
		return err
	}
	return nil
}

func (x *exchange) listFiles() answer {
	return jsonAnswer(http.StatusOK, object{"object": "list", "data": x.s.files.all(), "has_more": false})
}

func (x *exchange) retrieveFile() answer {
	file, found := x.s.files.get(x.op.argument)
	if !found {
		return noSuchFile()
	}
	return jsonAnswer(http.StatusOK, file)
}

func (x *exchange) deleteFile() answer {
	if !x.s.files.remove(x.op.argument) {
		return noSuchFile()
	}
	return jsonAnswer(http.StatusOK, object{"id": x.op.argument, "object": "file", "deleted": true})
}

func noSuchFile() answer {
	return *refuse(http.StatusNotFound, "no such file object")
}
