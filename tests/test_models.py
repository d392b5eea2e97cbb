import copy
import shutil
import socket
import struct
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest

from gdcourse import fetch, models
from tests.needs import FINETUNE, needs

torch = pytest.importorskip("torch", reason=FINETUNE)
transformers = pytest.importorskip("transformers", reason=FINETUNE)
FILES = {"minilm": "model.safetensors", "e5": "e5-small-q4.bin"}
HAPPY = [
    "That is a happy person",
    "That is a happy dog",
    "That is a very happy person",
    "Today is a sunny day",
]
FOOD, FOOD_EN, COLD = (
    "我喜欢这家餐厅的食物和服务。",
    "I love the food and the service of this restaurant.",
    "服务态度很冷淡。",
)


@contextmanager
def no_network():
    """Record and refuse each attempt to find or to call another machine."""
    attempts = []

    def refuse(*args, **named):
        attempts.append(args)
        raise OSError("no network in a test")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("socket", "create_connection", "getaddrinfo"):
            patch.setattr(socket, name, refuse)
        patch.delenv("HF_HUB_OFFLINE", raising=False)
        yield attempts


@pytest.fixture(scope="session")
def minilm():
    with no_network() as attempts:
        pair = models.minilm()
    return *pair, attempts


@pytest.fixture(scope="session")
def e5():
    with no_network() as attempts:
        pair = models.e5()
    return *pair, attempts


def vectors(tokenizer, model, texts):
    """The mean over the tokens of each text, of length 1: (len(texts), D)."""
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**batch).last_hidden_state
    mask = batch["attention_mask"][..., None]
    return torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)


# ---- the container of e5, on small files that the tests make

PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁good", "▁day", "d", "好"]
WIDTH, INNER, LAYERS = 32, 64, 2


def q4(rng, *shape):
    """Random weights on the grid of Q4_0, and the blocks that hold them, packed one by one."""
    weights, blocks = [], b""
    for _ in range(int(np.prod(shape)) // 32):
        scale, nibbles = np.float16(rng.uniform(0.01, 0.1)), rng.integers(0, 16, 32)
        weights += [(int(k) - 8) * float(scale) for k in nibbles]
        blocks += scale.tobytes() + bytes(
            int(low) | int(high) << 4 for low, high in zip(nibbles[:16], nibbles[16:])
        )
    return np.array(weights, np.float32).reshape(shape), 1, blocks


def f4(rng, *shape):
    weights = rng.normal(size=shape).astype(np.float32)
    return weights, 0, weights.tobytes()


def tensors(rng):
    """{name: (weights, kind, bytes)} of a model with two layers of width 32."""
    made = {"emb.word": q4(rng, len(PIECES) + 2, WIDTH), "emb.pos": f4(rng, 16, WIDTH)}
    made |= {"emb.type": f4(rng, 2, WIDTH), "emb.ln.w": f4(rng, WIDTH), "emb.ln.b": f4(rng, WIDTH)}
    for k in range(LAYERS):
        shapes = dict.fromkeys(("q", "k", "v", "ao"), (WIDTH, WIDTH))
        shapes |= {"aln": (WIDTH,), "fi": (INNER, WIDTH), "fo": (WIDTH, INNER), "oln": (WIDTH,)}
        for name, shape in shapes.items():
            made[f"l{k}.{name}.w"] = (q4 if len(shape) == 2 else f4)(rng, *shape)
            made[f"l{k}.{name}.b"] = f4(rng, shape[0])
    return made


def container(made, magic=b"E5S1", version=1):
    """The bytes of a file in the format E5S1."""
    text = [piece.encode() for piece in PIECES]
    starts = np.cumsum([0, *map(len, text)])
    head = magic + struct.pack("<I7i", version, WIDTH, LAYERS, 4, INNER, len(PIECES) + 2, 16, 2)
    head += struct.pack("<fi5iQ", 1e-12, 32, len(PIECES), 0, 2, 1, 3, starts[-1])
    head += starts.astype("<u4").tobytes() + np.arange(0, -len(PIECES), -1).astype("<f4").tobytes()
    head += b"".join(text) + struct.pack("<iI", 7, 5) + b"12345" + struct.pack("<i", len(made))
    at = len(head) + sum(2 + len(name) + struct.calcsize("<BIQQ") for name in made)
    body = b""
    for name, (weights, kind, raw) in made.items():
        head += struct.pack("<H", len(name)) + name.encode()
        head += struct.pack("<BIQQ", kind, weights.size, at + len(body), len(raw))
        body += raw
    return head + body


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The tensors of a small file that stands where e5's would."""
    made = tensors(np.random.default_rng(0))
    path = tmp_path / "e5" / FILES["e5"]
    path.parent.mkdir()
    path.write_bytes(container(made))
    monkeypatch.setenv("GDCOURSE_DATA", str(tmp_path))
    package = fetch.PACKAGES["e5"]._replace(size=path.stat().st_size)
    monkeypatch.setitem(fetch.PACKAGES, "e5", package)
    monkeypatch.setitem(models.SHA256, path.name, fetch.sha256(path))
    return made


def test_a_block_becomes_the_weights_of_hand_arithmetic():
    block = np.float16(0.5).tobytes() + bytes(j | (15 - j) << 4 for j in range(16))
    by_hand = [-4, -3.5, -3, -2.5, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]
    np.testing.assert_array_equal(models.dequantise(block), by_hand + by_hand[::-1])


def test_blocks_keep_their_order_and_their_own_scale():
    weights, _, raw = q4(np.random.default_rng(1), 5, 32)
    got = models.dequantise(raw)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, weights.ravel())


def test_half_a_block_is_refused():
    with pytest.raises(ValueError, match="^27 bytes; wanted a multiple of 18$"):
        models.dequantise(bytes(27))


def test_a_small_container_gives_back_what_was_put_in(small):
    file = models.E5File(fetch.folder("e5") / FILES["e5"])
    assert file.vocabulary == [(piece, -float(i)) for i, piece in enumerate(PIECES)]
    assert file.special == {"bos_token": 0, "eos_token": 2, "pad_token": 1, "unk_token": 3}
    assert (file.config["hidden_size"], file.config["intermediate_size"]) == (WIDTH, INNER)
    assert file.config["layer_norm_eps"] == pytest.approx(1e-12)
    for name, (weights, _, _) in small.items():
        np.testing.assert_array_equal(file.array(name), weights.ravel(), err_msg=name)


def test_e5_puts_each_tensor_of_a_small_container_into_its_place(small):
    tokenizer, model = models.e5(layers=LAYERS)
    state = model.state_dict()
    places = {
        "emb.word": "embeddings.word_embeddings.weight",
        "emb.pos": "embeddings.position_embeddings.weight",
        "emb.ln.b": "embeddings.LayerNorm.bias",
        "l0.q.w": "encoder.layer.0.attention.self.query.weight",
        "l1.v.b": "encoder.layer.1.attention.self.value.bias",
        "l1.ao.w": "encoder.layer.1.attention.output.dense.weight",
        "l0.aln.w": "encoder.layer.0.attention.output.LayerNorm.weight",
        "l1.fi.w": "encoder.layer.1.intermediate.dense.weight",
        "l0.fo.w": "encoder.layer.0.output.dense.weight",
        "l1.oln.b": "encoder.layer.1.output.LayerNorm.bias",
    }
    for name, place in places.items():
        np.testing.assert_array_equal(state[place], small[name][0], err_msg=name)
    assert len(state) == len(small)
    assert tokenizer("good  day 好").input_ids == [0, 5, 6, 4, 8, 2]


def test_e5_keeps_the_first_layers(small):
    _, whole = models.e5(layers=2)
    _, half = models.e5(layers=1)
    ids = torch.tensor([[0, 5, 6, 2]])
    with torch.no_grad():
        wanted = whole(ids, output_hidden_states=True).hidden_states[1]
        assert torch.equal(half(ids).last_hidden_state, wanted)


@pytest.mark.parametrize("layers", [0, 13, -1])
def test_layers_that_are_not_there_are_refused(layers):
    with pytest.raises(ValueError, match=f"^layers={layers}; the model has 12: wanted 1 to 12"):
        models.e5(layers=layers)


def test_more_layers_than_the_file_has_are_refused_in_one_line(small):
    with pytest.raises(ValueError, match=r"^num_hidden_layers=3: the file has no encoder\.layer\.2\.\S+$"):
        models.e5(layers=3)


@pytest.mark.parametrize(
    "wrong, message",
    [({"magic": b"GGUF"}, "begins with b'GGUF'; wanted b'E5S1'"), ({"version": 2}, "has version 2 of its")],
)
def test_another_format_or_version_is_refused(tmp_path, wrong, message):
    path = tmp_path / "file.bin"
    path.write_bytes(container(tensors(np.random.default_rng(0)), **wrong))
    with pytest.raises(ValueError, match=message) as caught:
        models.E5File(path)
    assert str(caught.value).startswith(f"{path} ") and "\n" not in str(caught.value)


def test_a_container_cut_anywhere_is_refused_in_one_line(tmp_path):
    path, whole = tmp_path / "cut.bin", container(tensors(np.random.default_rng(0)))
    for size in [*range(0, 400), *range(400, len(whole), 4001), len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=rf"cut\.bin ends after {size} bytes; wanted \d+ or more$"):
            models.E5File(path).state_dict()


# ---- what can go wrong before a model is there


@pytest.mark.parametrize("load", [models.minilm, models.e5])
def test_an_unknown_source_is_refused(load):
    with pytest.raises(ValueError, match="^source='disk'; wanted 'packages' or 'hub'$"):
        load(source="disk")


@pytest.mark.parametrize("name", FILES)
def test_a_set_that_is_not_installed_names_the_command(name, tmp_path, monkeypatch):
    monkeypatch.setenv("GDCOURSE_DATA", str(tmp_path))
    with pytest.raises(fetch.FetchError, match=f"python -m gdcourse data install {name}$"):
        getattr(models, name)()


@pytest.mark.parametrize(
    "package, extra",
    [("transformers", "finetune"), ("safetensors", "finetune"), ("sklearn", "finetune"), ("torch", "torch")],
)
@pytest.mark.parametrize("load", [models.minilm, models.e5])
def test_a_missing_package_names_the_command(load, package, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError) as caught:
        load()
    command = f'python -m pip install -c constraints.txt -e ".[{extra}]"'
    assert str(caught.value) == f"{package} is missing; run: {command}"


def test_importing_the_module_imports_neither_torch_nor_transformers():
    code = "import sys, gdcourse.models; print({'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


def test_where_ipywidgets_is_missing_no_warning_of_tqdm_comes_up():
    code = (
        "import sys, types; sys.modules['ipywidgets'] = None\n"
        "class Shell:\n    config = {'IPKernelApp': {}}\n"
        "Shell.__name__ = 'ZMQInteractiveShell'\n"
        "sys.modules['IPython'] = types.SimpleNamespace(get_ipython=Shell)\n"
        "import gdcourse.models\ngdcourse.models.load_transformers()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def flip_first(raw):
    raw[0] ^= 1


def flip_last(raw):
    raw[-1] ^= 128


@pytest.mark.parametrize(
    "name, file, damage",
    [
        pytest.param("minilm", "model.safetensors", flip_last, marks=needs("minilm")),
        pytest.param("minilm", "tokenizer.json", flip_first, marks=needs("minilm")),
        pytest.param("e5", "e5-small-q4.bin", flip_first, marks=needs("e5")),
    ],
)
def test_a_damaged_file_is_refused_in_one_line_that_says_what_to_do(
    name, file, damage, tmp_path, monkeypatch
):
    copied = tmp_path / name
    copied.mkdir()
    for path in fetch.folder(name).iterdir():
        (copied / path.name).symlink_to(path)
    raw = bytearray((copied / file).read_bytes())
    damage(raw)
    (copied / file).unlink()
    (copied / file).write_bytes(raw)
    monkeypatch.setenv("GDCOURSE_DATA", str(tmp_path))
    with pytest.raises(ValueError) as caught:
        getattr(models, name)()
    shutil.rmtree(copied)
    assert str(caught.value) == (
        f"{copied / file} is not the file that the course trusts (its SHA-256 differs); "
        f"delete the folder {copied} and run: python -m gdcourse data install {name}"
    )


@pytest.mark.parametrize("name", FILES)
def test_the_hub_is_asked_for_a_pinned_commit_of_float32_without_dropout(name, monkeypatch):
    asked = []
    for kind in (transformers.AutoTokenizer, transformers.BertModel):
        fake = lambda hub, **named: asked.append((hub, named)) or torch.nn.Identity()
        monkeypatch.setattr(kind, "from_pretrained", fake)
    getattr(models, name)(source="hub", attention_probs_dropout_prob=0.2)
    (hub, named), (tokenizer_hub, tokenizer_named) = asked
    assert hub == tokenizer_hub == models.HUB[name][0]
    assert named["revision"] == tokenizer_named["revision"] and len(named["revision"]) == 40
    assert (named["hidden_dropout_prob"], named["attention_probs_dropout_prob"]) == (0.0, 0.2)
    assert named["dtype"] == "float32" and named["add_pooling_layer"] is False


# ---- MiniLM


@needs("minilm")
def test_minilm_has_22_71_million_parameters_with_its_pooling_layer(minilm):
    D, layer = 384, 4 * (384**2 + 384) + (384 * 1536 + 1536) + (1536 * 384 + 384) + 4 * 384
    by_hand = (30522 + 512 + 2) * D + 2 * D + 6 * layer
    assert sum(p.numel() for p in minilm[1].parameters()) == by_hand
    assert round((by_hand + D * D + D) / 1e6, 2) == 22.71


@needs("minilm")
def test_minilm_loads_the_file_strictly_but_for_pooler_and_positions(minilm):
    from safetensors.torch import load_file

    file, state = load_file(fetch.folder("minilm") / "model.safetensors"), minilm[1].state_dict()
    left_out = {"embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias"}
    assert file.keys() == state.keys() | left_out
    assert all(torch.equal(weight, file[name]) for name, weight in state.items())


@needs("minilm")
def test_minilm_is_what_transformers_itself_loads(minilm):
    tokenizer, model, _ = minilm
    folder = fetch.folder("minilm")
    own = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    texts = [*HAPPY, "Café, naïve: 3.14!", FOOD, ""]
    batch, theirs = (t(texts, padding=True, return_tensors="pt") for t in (tokenizer, own))
    assert all(torch.equal(batch[key], theirs[key]) for key in theirs)
    reference = transformers.BertModel.from_pretrained(folder, local_files_only=True).eval()
    with torch.no_grad():
        got, wanted = (m(**batch).last_hidden_state for m in (model, reference))
    assert torch.equal(got, wanted)


@needs("minilm")
def test_minilm_knows_who_is_happy(minilm):
    v = vectors(*minilm[:2], HAPPY)
    np.testing.assert_allclose(v[1:] @ v[0], [0.6946, 0.9429, 0.2569], atol=1e-4)


@needs("minilm")
def test_minilm_has_no_dropout_unless_asked_for():
    _, model = models.minilm(num_hidden_layers=2, hidden_dropout_prob=0.3)
    rates = {name: m.p for name, m in model.named_modules() if isinstance(m, torch.nn.Dropout)}
    assert not model.training and len(model.encoder.layer) == 2
    assert rates["embeddings.dropout"] == 0.3 and rates["encoder.layer.1.attention.self.dropout"] == 0


@needs("minilm")
def test_loading_leaves_the_global_seed_and_stderr_alone(capfd):
    before = torch.get_rng_state()
    tokenizer, _ = models.minilm()
    assert len(tokenizer("word " * 600).input_ids) == 602
    assert len(tokenizer("word " * 600, truncation=True).input_ids) == 512
    assert torch.equal(torch.get_rng_state(), before)
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


@needs("minilm")
def test_padding_does_not_change_a_vector_of_minilm(minilm):
    short, long = HAPPY[0], "A film so long that it has time for everything " * 6
    alone, padded = (vectors(*minilm[:2], texts)[0] for texts in ([short], [short, long]))
    assert (alone - padded).abs().max() < 1e-5


@needs("minilm")
def test_minilm_asks_no_network(minilm):
    assert minilm[2] == []


@needs("minilm")
def test_minilm_reads_chinese_words_as_unknown(minilm):
    tokenizer = minilm[0]
    assert tokenizer("Hello world").input_ids == [101, 7592, 2088, 102]
    ids = tokenizer(FOOD).input_ids
    assert ids.count(tokenizer.unk_token_id) >= len(ids) // 2


# ---- multilingual-e5-small


@needs("e5")
def test_e5_has_117_5_million_parameters(e5):
    D, layer = 384, 4 * (384**2 + 384) + (384 * 1536 + 1536) + (1536 * 384 + 384) + 4 * 384
    by_hand = (250037 + 512 + 2) * D + 2 * D + 12 * layer
    assert sum(p.numel() for p in e5[1].parameters()) == by_hand
    assert round(by_hand / 1e6, 1) == 117.5
    assert e5[1].dtype == torch.float32 and not e5[1].training


@needs("e5")
@pytest.mark.parametrize(
    "text, ids",
    [  # from the README of XLM-R in fairseq, whose vocabulary this is
        ("Hello world!", [0, 35378, 8999, 38, 2]),
        ("你好，世界", [0, 6, 124084, 4, 3221, 2]),
        ("नमस्ते दुनिया", [0, 68700, 97883, 29405, 2]),
        ("مرحبا بالعالم", [0, 665, 193478, 258, 1705, 77796, 2]),
        ("Bonjour le monde", [0, 84602, 95, 11146, 2]),
    ],
)
def test_e5_gives_the_token_ids_that_xlm_r_publishes(e5, text, ids):
    assert e5[0](text).input_ids == ids


@needs("e5")
def test_e5_reads_chinese_without_an_unknown_token(e5):
    tokenizer = e5[0]
    ids = tokenizer(FOOD + COLD).input_ids
    assert tokenizer.unk_token_id not in ids and "餐厅" in tokenizer.convert_ids_to_tokens(ids)
    assert tokenizer.decode(tokenizer("很好").input_ids, skip_special_tokens=True) == "很好"


@needs("e5")
def test_e5_puts_a_sentence_near_its_translation(e5):
    v = vectors(*e5[:2], [f"query: {text}" for text in (FOOD, FOOD_EN, COLD)])
    np.testing.assert_allclose([v[0] @ v[1], v[2] @ v[1]], [0.920, 0.789], atol=6e-4)


@needs("e5")
def test_padding_does_not_change_a_vector_of_e5(e5):
    alone, padded = (vectors(*e5[:2], texts)[0] for texts in ([COLD], [COLD, FOOD_EN * 4]))
    assert (alone - padded).abs().max() < 1e-5


@needs("e5")
def test_e5_asks_no_network(e5):
    assert e5[2] == []


# ---- a smaller vocabulary


def outputs(model, rows, pad):
    longest = max(map(len, rows))
    ids = torch.tensor([row + [pad] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    with torch.no_grad():
        return model(ids, attention_mask=mask).last_hidden_state


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs(name)) for name in FILES])
def test_a_trimmed_model_is_small_and_gives_the_same_outputs(name, request):
    tokenizer, whole, _ = request.getfixturevalue(name)
    model, texts = copy.deepcopy(whole), [*HAPPY, FOOD, FOOD_EN, COLD]
    rows = tokenizer(texts).input_ids
    before = outputs(whole, rows, tokenizer.pad_token_id)
    ids = models.trim_vocabulary(model, tokenizer, texts)
    pad = ids[tokenizer.pad_token_id]
    after = outputs(model, [[ids[i] for i in row] for row in rows], pad)
    assert (after - before).abs().max() == 0.0
    assert sorted(ids.values()) == list(range(len(ids)))
    assert set(ids) == {i for row in rows for i in row} | set(tokenizer.all_special_ids)
    assert model.config.vocab_size == len(model.get_input_embeddings().weight) == len(ids) < 60
    assert model.config.pad_token_id == model.get_input_embeddings().padding_idx == pad
    saved = whole.get_input_embeddings().weight.numel() - len(ids) * 384
    assert sum(p.numel() for p in whole.parameters()) - sum(p.numel() for p in model.parameters()) == saved


def test_a_trimmed_small_model_still_learns_its_rows(small):
    tokenizer, model = models.e5(layers=1)
    ids = models.trim_vocabulary(model, tokenizer, ["good day"])
    assert ids == {0: 0, 1: 1, 2: 2, 3: 3, 5: 4, 6: 5}
    model(torch.tensor([[ids[0], ids[5], ids[2]]])).last_hidden_state.square().sum().backward()
    moved = model.get_input_embeddings().weight.grad.abs().sum(1) > 0
    assert moved.tolist() == [True, False, True, False, True, False]


def test_a_frozen_embedding_stays_frozen_when_it_is_trimmed(small):
    tokenizer, model = models.e5(layers=1)
    model.requires_grad_(False)
    models.trim_vocabulary(model, tokenizer, [])
    assert not model.get_input_embeddings().weight.requires_grad


def test_a_dropped_token_raises_a_clear_error_or_becomes_unknown(small):
    tokenizer, model = models.e5(layers=1)
    ids = models.trim_vocabulary(model, tokenizer, ["good"])
    dropped = tokenizer("day").input_ids[1]
    with pytest.raises(KeyError, match=f"token {dropped} was dropped by trim_vocabulary"):
        ids[dropped]
    assert ids.get(dropped, ids[tokenizer.unk_token_id]) == 3


def test_ids_that_a_trimmed_model_has_no_row_for_are_refused(small):
    tokenizer, model = models.e5(layers=1)
    models.trim_vocabulary(model, tokenizer, ["good"])
    with pytest.raises(ValueError, match="token 7 of a vocabulary trimmed to 5; translate ids by ids"):
        model(torch.tensor([[0, 7]]))


def test_a_trimmed_model_cannot_be_trimmed_again(small):
    tokenizer, model = models.e5(layers=1)
    models.trim_vocabulary(model, tokenizer, ["good"])
    with pytest.raises(ValueError, match="^the embedding has 5 rows, the tokenizer 9 tokens: trimmed"):
        models.trim_vocabulary(model, tokenizer, ["good"])
