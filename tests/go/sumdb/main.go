// Command sumdb reads a Greffe log with Go's own implementation of notes and trees (golang.org/x/mod/sumdb), which
// shares no line with ours, and fails on the first thing that does not hold:
//
//	checkpoint   the note opens with the log's key; origin, size and root are well formed
//	tiles        every tile of that size leads to the root (tlog.TileHashReader)
//	entries      every entry of every bundle hashes to its leaf in the level-0 tiles
//	proofs       each inclusion and consistency proof of a JSON file holds (tlog.CheckRecord, tlog.CheckTree)
//
// It reads C2SP paths under a directory or a URL:
//
//	sumdb (-dir D | -url http://…) -vkey V [-auth TOKEN] [-proofs FILE]
//
// The proofs file:
//
//	{"inclusion":   [{"index": 5, "size": 700, "hashes": ["<base64>", …]}, …],
//	 "consistency": [{"from": 300, "to": 700, "from_root": "<base64>", "hashes": ["<base64>", …]}, …]}
//
// "size" and "to" are the checkpoint's size when missing; "from_root" is computed from the tiles when missing.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	// height is that of C2SP tiles: 256 hashes.
	height = 8
	// maxBytes bounds any one resource: a bundle of 256 entries of 65,535 bytes.
	maxBytes = 256 * (2 + 65535)
)

func main() {
	dir := flag.String("dir", "", "directory that holds checkpoint and tile/…")
	url := flag.String("url", "", "base URL that serves /checkpoint and /tile/…")
	vkey := flag.String("vkey", "", "the log's verifier key")
	auth := flag.String("auth", "", "bearer token for /tile/entries")
	proofs := flag.String("proofs", "", "JSON file of proofs to check")
	flag.Parse()
	if (*dir == "") == (*url == "") || *vkey == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	l := &log{dir: *dir, url: strings.TrimSuffix(*url, "/"), auth: *auth}
	if err := l.check(*vkey, *proofs); err != nil {
		fmt.Fprintln(os.Stderr, "sumdb:", err)
		os.Exit(1)
	}
	fmt.Printf("ok: %d leaves, %d tiles, %d bundles, %d proofs\n", l.tree.N, len(l.tiles), l.bundles, l.proofs)
}

// log is a log under verification.
type log struct {
	dir, url, auth string
	tree           tlog.Tree
	tiles          map[string][]byte // read so far, by path
	bundles        int
	proofs         int
}

func (l *log) check(vkey, proofs string) error {
	l.tiles = make(map[string][]byte)
	if err := l.openCheckpoint(vkey); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if l.tree.N > 0 {
		hashes := tlog.TileHashReader(l.tree, l)
		root, err := tlog.TreeHash(l.tree.N, hashes)
		if err != nil {
			return fmt.Errorf("tiles: %w", err)
		}
		if root != l.tree.Hash {
			return fmt.Errorf("tiles lead to root %v, the checkpoint says %v", root, l.tree.Hash)
		}
		if err := l.checkEntries(hashes); err != nil {
			return fmt.Errorf("entries: %w", err)
		}
	}
	if proofs != "" {
		if err := l.checkProofs(proofs); err != nil {
			return fmt.Errorf("proofs: %w", err)
		}
	}
	return nil
}

func (l *log) openCheckpoint(vkey string) error {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	data, err := l.read("checkpoint")
	if err != nil {
		return err
	}
	n, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return err
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return fmt.Errorf("want three lines, without extensions: %q", n.Text)
	}
	if lines[0] != verifier.Name() {
		return fmt.Errorf("origin %q is not the key's name %q", lines[0], verifier.Name())
	}
	if l.tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil || strconv.FormatInt(l.tree.N, 10) != lines[1] {
		return fmt.Errorf("size %q", lines[1])
	}
	l.tree.Hash, err = tlog.ParseHash(lines[2])
	return err
}

// checkEntries hashes every entry and compares it with its leaf, read from authenticated tiles.
func (l *log) checkEntries(hashes tlog.HashReader) error {
	const width = 1 << height
	for first := int64(0); first < l.tree.N; first += width {
		count := l.tree.N - first
		if count > width {
			count = width
		}
		path := "tile/entries/" + number(first/width)
		if count < width {
			path += fmt.Sprintf(".p/%d", count)
		}
		data, err := l.read(path)
		if err != nil {
			return err
		}
		indexes := make([]int64, count)
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
		}
		leaves, err := hashes.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i, leaf := range leaves {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return fmt.Errorf("%s ends within entry %d", path, first+int64(i))
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			if tlog.RecordHash(data[2:end]) != leaf {
				return fmt.Errorf("entry %d is not the one in the tree", first+int64(i))
			}
			data = data[end:]
		}
		if len(data) > 0 {
			return fmt.Errorf("%s has %d bytes too many", path, len(data))
		}
		l.bundles++
	}
	return nil
}

// proofsFile is what -proofs names.
type proofsFile struct {
	Inclusion []struct {
		Index  int64
		Size   *int64
		Hashes []string
	}
	Consistency []struct {
		From     int64
		To       *int64
		FromRoot *string `json:"from_root"`
		Hashes   []string
	}
}

func (l *log) checkProofs(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var file proofsFile
	if err := json.Unmarshal(data, &file); err != nil {
		return err
	}
	for _, p := range file.Inclusion {
		size, root, err := l.rootAt(p.Size, nil)
		if err != nil {
			return err
		}
		hashes, err := parseHashes(p.Hashes)
		if err != nil {
			return err
		}
		if p.Index < 0 || p.Index >= size {
			return fmt.Errorf("no leaf %d in a tree of %d", p.Index, size)
		}
		// The leaf's hash comes from the tiles, not from who made the proof.
		leaf, err := tlog.TileHashReader(l.tree, l).ReadHashes([]int64{tlog.StoredHashIndex(0, p.Index)})
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(hashes, size, root, p.Index, leaf[0]); err != nil {
			return fmt.Errorf("inclusion of %d in %d: %w", p.Index, size, err)
		}
		l.proofs++
	}
	for _, p := range file.Consistency {
		size, root, err := l.rootAt(p.To, nil)
		if err != nil {
			return err
		}
		_, older, err := l.rootAt(&p.From, p.FromRoot)
		if err != nil {
			return err
		}
		hashes, err := parseHashes(p.Hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(hashes, size, root, p.From, older); err != nil {
			return fmt.Errorf("consistency from %d to %d: %w", p.From, size, err)
		}
		l.proofs++
	}
	return nil
}

// rootAt gives a size, the checkpoint's by default, and the root there: the given one, or from the tiles.
func (l *log) rootAt(size *int64, given *string) (int64, tlog.Hash, error) {
	if given != nil && size != nil {
		root, err := tlog.ParseHash(*given)
		return *size, root, err
	}
	if size == nil || *size == l.tree.N {
		return l.tree.N, l.tree.Hash, nil
	}
	if *size < 1 || *size > l.tree.N {
		return 0, tlog.Hash{}, fmt.Errorf("no tree of %d leaves in one of %d", *size, l.tree.N)
	}
	root, err := tlog.TreeHash(*size, tlog.TileHashReader(l.tree, l))
	return *size, root, err
}

func parseHashes(texts []string) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(texts))
	for i, text := range texts {
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil || copy(hashes[i][:], data) != tlog.HashSize || len(data) != tlog.HashSize {
			return nil, fmt.Errorf("not a hash: %q", text)
		}
	}
	return hashes, nil
}

// Height, ReadTiles and SaveTiles make a log a tlog.TileReader.
func (l *log) Height() int { return height }

func (l *log) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(tiles))
	for i, t := range tiles {
		// sumdb writes tile/<height>/<level>/<n>; C2SP has no height.
		path := fmt.Sprintf("tile/%d/%s", t.L, number(t.N))
		if t.W < 1<<height {
			path += fmt.Sprintf(".p/%d", t.W)
		}
		data, known := l.tiles[path]
		if !known {
			var err error
			if data, err = l.read(path); err != nil {
				return nil, err
			}
			if len(data) != t.W*tlog.HashSize {
				return nil, fmt.Errorf("%s has %d bytes, want %d", path, len(data), t.W*tlog.HashSize)
			}
			l.tiles[path] = data
		}
		all[i] = data
	}
	return all, nil
}

func (l *log) SaveTiles([]tlog.Tile, [][]byte) {}

// number writes a tile number in groups of three digits, as C2SP tlog-tiles says.
func number(n int64) string {
	text := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		text = fmt.Sprintf("x%03d/%s", n%1000, text)
	}
	return text
}

var client = &http.Client{Timeout: 30 * time.Second}

func (l *log) read(path string) ([]byte, error) {
	if l.dir != "" {
		return os.ReadFile(filepath.Join(l.dir, filepath.FromSlash(path)))
	}
	request, err := http.NewRequest("GET", l.url+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	if l.auth != "" && strings.HasPrefix(path, "tile/entries/") {
		request.Header.Set("Authorization", "Bearer "+l.auth)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	if len(data) > maxBytes {
		return nil, fmt.Errorf("%s: too large", path)
	}
	return data, nil
}
