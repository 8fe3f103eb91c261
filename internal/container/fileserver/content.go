package fileserver

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"maps"
	"mime"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// hashed are names that bundlers give files by their content: they never change.
var hashed = regexp.MustCompile(`(?:[.-]([A-Za-z0-9_-]{8}|[0-9a-f]{16}|[0-9a-f]{20}|[0-9a-f]{32})|^_next/static/.+)\.(?:js|mjs|css|woff2?|ttf|otf|eot|png|jpe?g|gif|svg|webp|avif|ico|wasm|json|map|mp4|webm)$`)

var (
	hexadecimal = regexp.MustCompile(`^[0-9a-f]+$`)
	date        = regexp.MustCompile(`^(?:19|20)\d{6}$|^\d+$|^\d+x\d+$`)
	// base32 is how esbuild writes its digests.
	base32  = regexp.MustCompile(`^[A-Z2-7]{8}$`)
	small   = regexp.MustCompile(`[a-z]`)
	capital = regexp.MustCompile(`[A-Z]`)
	digit   = regexp.MustCompile(`[0-9]`)
)

// ofContent reports whether a part of a name is a digest for sure: people write words, dates, and sizes. It is empty for Next.js' own folder.
func ofContent(part string) bool {
	switch {
	case part == "":
		return true
	case date.MatchString(part):
		return false
	case hexadecimal.MatchString(part):
		return digit.MatchString(part) && small.MatchString(part)
	}
	if base32.MatchString(part) {
		return digit.MatchString(part)
	}
	// In a word, a capital comes first, or begins the next one.
	inside := len(capital.FindAllString(part[1:], -1))
	return small.MatchString(part) && (digit.MatchString(part) && capital.MatchString(part) || inside > 1)
}

// visibility keeps what needs a password out of caches that others share: RFC 9111, section 3.5.
func (s *server) visibility() string {
	if s.Allow != nil {
		return "private"
	}
	return "public"
}

// missing answers for what is not there. A page of a single-page application exists in the browser only: who may be asking
// for a page, not for a script or a picture, gets the start page, if the site is one: it says so by 200.html, or by having no
// 404.html.
func (s *server) missing(w http.ResponseWriter, r *http.Request) {
	accepts, extension := r.Header.Get("Accept"), path.Ext(r.URL.Path)
	asksForPage := strings.Contains(accepts, "text/html") && mime.TypeByExtension(extension) == "" ||
		extension == "" && (accepts == "" || strings.Contains(accepts, "*/*"))
	if hidden(strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")) {
		asksForPage = false
	}
	start := ""
	for _, name := range []string{s.Site.Start, "200.html"} {
		if start == "" && !s.Site.Pages && name != "" && s.is(name) {
			start = name
		}
	}
	switch {
	case asksForPage && start != "":
		s.file(w, r, start, http.StatusOK)
	case asksForPage && !s.Site.Pages && !s.is(s.notFoundPage()) && s.is("index.html"):
		s.file(w, r, "index.html", http.StatusOK)
	default:
		s.notFound(w, r)
	}
}

func (s *server) notFoundPage() string { return cmp.Or(s.Site.NotFound, "404.html") }

// answer is what of a file is sent, as it passes from file to content: gzhttp takes a handler.
type answer struct {
	name    string
	file    io.ReadSeeker
	status  int
	encoded bool
}

type answerKey struct{}

// file answers with a file, in the coding that the client likes best of those that are there.
func (s *server) file(w http.ResponseWriter, r *http.Request, name string, status int) {
	k, recent := s.cache.recent(name, time.Now())
	if recent && s.unchanged(w, r, name, status, k) {
		return
	}
	file, k, err := s.open(name)
	if err != nil {
		if !s.cache.forget(name) {
			unreadable(w, err)
			return
		}
		// It was there: a folder that is mounted may change. What is there now is found.
		s.serve(w, r)
		return
	}
	coding := s.describe(w.Header(), r, name, status, k)
	a := answer{name: name, file: file, status: status}
	if coding.name != "" {
		if encoded, ok := s.encoded(name, coding, k); ok {
			_ = file.Close()
			a.file, a.encoded, file = encoded, true, encoded
		} else {
			w.Header().Del("Content-Encoding")
			w.Header().Del("Etag")
		}
	}
	defer func() { _ = file.Close() }()
	r = r.WithContext(withAnswer(r.Context(), a))
	if k.text && !a.encoded && len(k.encodings) == 0 && r.Header.Get("Range") == "" {
		select {
		case s.compressing <- struct{}{}:
			defer func() { <-s.compressing }()
			s.compressed.ServeHTTP(w, r)
			return
		default:
			// So many at once would take more memory than they save bytes.
		}
	}
	s.content(w, r)
}

// describe sets the headers of a file, and chooses its coding.
func (s *server) describe(header http.Header, r *http.Request, name string, status int, k known) encoding {
	if k.text || len(k.encodings) > 0 {
		addVary(header, "Accept-Encoding")
	}
	tag := k.tag
	coding, ok := s.best(r, k.encodings)
	if ok {
		header.Set("Content-Encoding", coding.name)
		tag += "-" + coding.name
	}
	if header.Get("Etag") == "" {
		header.Set("Etag", `"`+tag+`"`)
	}
	if header.Get("Content-Type") == "" && k.kind != "" {
		header.Set("Content-Type", k.kind)
	}
	if status >= http.StatusBadRequest {
		// What a rule says of a path is for what is there: an answer that there is nothing is not kept.
		header.Set("Cache-Control", "no-cache")
	}
	if header.Get("Cache-Control") == "" {
		if part := hashed.FindStringSubmatch(name); part != nil && ofContent(part[1]) && status == http.StatusOK {
			header.Set("Cache-Control", s.visibility()+", max-age=31536000, immutable")
		} else {
			header.Set("Cache-Control", "no-cache")
		}
	}
	return coding
}

// unchanged answers a client that has the file already, without opening it. Other forms of If-None-Match are for ServeContent.
func (s *server) unchanged(w http.ResponseWriter, r *http.Request, name string, status int, k known) bool {
	has := r.Header.Get("If-None-Match")
	if has == "" || status != http.StatusOK {
		return false
	}
	header := w.Header().Clone()
	s.describe(header, r, name, status, k)
	if header.Get("Etag") != has {
		return false
	}
	for _, name := range []string{"Content-Type", "Content-Encoding"} {
		header.Del(name)
	}
	maps.Copy(w.Header(), header)
	w.WriteHeader(http.StatusNotModified)
	return true
}

// seekable is a file that can be read from any place; one of a folder of the disk is itself, which the kernel can send.
type seekable interface {
	fs.File
	io.Seeker
}

// open opens a file, and says what is known of it.
func (s *server) open(name string) (seekable, known, error) {
	if k, ok := s.cache.recent(name, time.Now()); ok && k.body != nil {
		return inMemory{bytes.NewReader(k.body)}, k, nil
	}
	opened, err := s.Files.Open(name)
	if err != nil {
		return nil, known{}, err
	}
	file, ok := opened.(seekable)
	info, err := opened.Stat()
	if err == nil && (!ok || info.IsDir()) {
		err = errors.New("not a file")
	}
	var k known
	if err == nil {
		k, err = s.cache.of(s.Files, name, file, info)
	}
	if err != nil {
		_ = opened.Close()
		return nil, k, err
	}
	return file, k, nil
}

// encoded gives a file in one of its codings.
func (s *server) encoded(name string, coding encoding, k known) (seekable, bool) {
	if text := k.coded[coding.name]; text != nil {
		return inMemory{bytes.NewReader(text)}, true
	}
	file, err := s.Files.Open(name + coding.extension)
	if err != nil {
		return nil, false
	}
	seeks, ok := file.(seekable)
	return seeks, ok
}

// content sends what the request is answered with. Another status than 200 has no parts, and is sent in any case.
func (s *server) content(w http.ResponseWriter, r *http.Request) {
	a := answerOf(r.Context())
	if a.status == http.StatusOK {
		if size, err := a.file.Seek(0, io.SeekEnd); a.encoded && err == nil && r.Header.Get("Range") == "" && r.Header.Get("If-Match") == "" && r.Header.Get("If-Unmodified-Since") == "" {
			// ServeContent leaves it out of what is encoded, and the kernel sends only what has a length.
			w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		}
		http.ServeContent(w, r, a.name, time.Time{}, a.file)
		return
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
	}
	w.Header().Del("Etag")
	size, err := a.file.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = a.file.Seek(0, io.SeekStart)
	}
	if err != nil {
		unreadable(w, err)
		return
	}
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	w.WriteHeader(a.status)
	if r.Method == http.MethodGet {
		_, _ = io.CopyN(w, a.file, size)
	}
}

// best chooses a coding by Accept-Encoding: RFC 9110, section 12.5.3. Of those that are liked the same, the first of ours.
func (s *server) best(r *http.Request, there []encoding) (best encoding, ok bool) {
	if len(there) == 0 {
		return best, false
	}
	liked := 0.0
	for _, coding := range there {
		if q := quality(strings.Join(r.Header.Values("Accept-Encoding"), ","), coding.name); q > liked {
			best, liked, ok = coding, q, true
		}
	}
	return best, ok
}

// quality is how much a coding is liked, from 0 to 1.
func quality(accepts, coding string) float64 {
	any := 0.0
	for part := range strings.SplitSeq(accepts, ",") {
		name, parameters, _ := strings.Cut(part, ";")
		q := 1.0
		if value, found := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q="); found {
			q, _ = strconv.ParseFloat(value, 64)
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case coding:
			return q
		case "*":
			any = q
		}
	}
	return any
}

func addVary(header http.Header, name string) {
	if !slices.ContainsFunc(header.Values("Vary"), func(v string) bool { return strings.Contains(strings.ToLower(v), strings.ToLower(name)) }) {
		header.Add("Vary", name)
	}
}

func unreadable(w http.ResponseWriter, err error) {
	if errors.Is(err, fs.ErrPermission) {
		http.Error(w, "forbidden", http.StatusForbidden)
		return
	}
	http.Error(w, "not readable", http.StatusInternalServerError)
}
