"""The parts of "Fine-tune an encoder" against hand arithmetic, plain loops, transformers and scikit-learn."""

import copy
import importlib.util
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdcourse import datasets
from tests.needs import FINETUNE, needs

torch = pytest.importorskip("torch", reason=FINETUNE)
transformers = pytest.importorskip("transformers", reason=FINETUNE)
from gdcourse import finetune as ft  # noqa: E402

F, CPU = torch.nn.functional, torch.device("cpu")


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setattr(ft, "best", lambda: CPU)


def bert(seed=0, vocab=50, width=24, layers=2, inner=48, heads=4):
    """A small random BertModel without dropout, whose weights are large enough to matter."""
    config = transformers.BertConfig(
        vocab_size=vocab, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=inner, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=0.1,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return transformers.BertModel(config, add_pooling_layer=False).eval()


def texts(m=40, seed=0, longest=12):
    """Token ids of m texts, and labels that rest on whether a token below 15 occurs."""
    rng = np.random.default_rng(seed)
    ids = [rng.integers(1, 50, k).tolist() for k in rng.integers(2, longest, m)]
    return ids, np.array([int(min(row) < 7) for row in ids])


def weights(model):
    return {name: p.detach().clone() for name, p in model.state_dict().items()}


def changed(before, model):
    return {name for name, p in model.state_dict().items() if not torch.equal(before[name], p)}


# Reviews


def reviews(m=60, seed=0):
    rng = np.random.default_rng(seed)
    ratings = np.round(rng.uniform(-4, 4, m), 2)
    return datasets.Reviews(tuple(f"text {i}" for i in range(m)), (ratings > 0).astype(int), ratings)


def test_split_is_balanced_and_its_parts_have_no_text_in_common():
    pool, test = ft.split(reviews(), tests=10)
    assert np.bincount(test.labels).tolist() == [5, 5]
    assert pool.labels.mean() == 0.5
    assert not set(pool.texts) & set(test.texts)
    assert min(abs(pool.ratings)) >= 0.5 <= min(abs(test.ratings))


def test_split_keeps_text_label_and_rating_together():
    everything = reviews()
    known = dict(zip(everything.texts, zip(everything.labels, everything.ratings)))
    for part in ft.split(everything, tests=10):
        assert {t: (label, r) for t, label, r in zip(*part)} == {t: known[t] for t in part.texts}


def test_split_is_the_same_each_time_and_another_for_another_seed():
    first, again, other = (ft.split(reviews(), 10, seed)[1].texts for seed in (1, 1, 2))
    assert first == again != other


def test_split_takes_a_text_that_occurs_twice_once():
    twice = datasets.Reviews(("a", "b", "a", "c", "d", "b"), np.array([0, 1, 0, 0, 1, 1]), None)
    pool, test = ft.split(twice, tests=2)
    assert sorted(pool.texts + test.texts) == ["a", "b", "c", "d"]
    assert pool.ratings is None


def test_split_refuses_more_tests_than_texts():
    with pytest.raises(ValueError, match="wanted more than 50 of each, or fewer tests than tests=100"):
        ft.split(reviews(), tests=100)


def test_own_texts_come_as_lists_and_need_no_ratings():
    whole = reviews()
    lists = datasets.Reviews(list(whole.texts), whole.labels.tolist(), whole.ratings.tolist())
    for ours, theirs in zip(ft.split(whole, tests=10), ft.split(lists, tests=10)):
        assert ours.texts == theirs.texts and (ours.labels == theirs.labels).all()
    bare = datasets.Reviews(list(whole.texts), whole.labels.tolist())
    assert ft.split(bare, tests=10)[0].ratings is None
    assert len(ft.subset(bare, 4, 0).texts) == 4


def test_split_refuses_texts_without_a_label():
    whole = reviews()
    with pytest.raises(ValueError, match="60 texts, 59 labels; wanted one each"):
        ft.split(whole._replace(labels=whole.labels[:-1]), tests=10)


@needs("reviews-en")
def test_split_of_the_film_reviews_is_that_of_the_table():
    pool, test = ft.split(datasets.film_reviews())
    assert (len(pool.texts), len(test.texts)) == (8990, 1000)


@given(st.sampled_from([2, 4, 10, 20]), st.integers(0, 5))
def test_a_smaller_subset_is_part_of_a_larger_one(n, seed):
    pool, _ = ft.split(reviews(), tests=10)
    small, large = ft.subset(pool, n, seed), ft.subset(pool, n + 2, seed)
    assert set(small.texts) < set(large.texts)
    assert np.bincount(small.labels).tolist() == [n // 2, n // 2]


@pytest.mark.parametrize("n", [0, 7, 200])
def test_subset_refuses_an_odd_number_and_more_than_there_is(n):
    with pytest.raises(ValueError, match=f"n = {n} of .* wanted an even n"):
        ft.subset(reviews(), n, 0)


# Batches


@given(st.integers(1, 70), st.integers(1, 9), st.booleans())
def test_batches_give_each_text_once_and_filling_only_behind_it(m, size, drawn):
    ids, _ = texts(m)
    seen = []
    for rows, tokens, mask in ft.batches(ids, size, np.random.default_rng(0) if drawn else None):
        assert len(rows) <= size
        for i, row, used in zip(rows, tokens.tolist(), mask.tolist()):
            k = len(ids[i])
            assert row == ids[i] + [0] * (len(row) - k)
            assert used == [1] * k + [0] * (len(row) - k)
        seen += rows.tolist()
    assert sorted(seen) == list(range(m))


def test_batches_hold_texts_of_like_length():
    ids, _ = texts(160, longest=40)
    filled = lambda rng: sum(mask.numel() for *_, mask in ft.batches(ids, 10, rng))
    needed = sum(map(len, ids))
    assert filled(np.random.default_rng(0)) < 1.15 * needed
    assert len(ids) * max(map(len, ids)) > 1.7 * needed


def test_batches_come_in_another_order_in_the_next_epoch():
    ids, _ = texts(60)
    rng = np.random.default_rng(0)
    first, second = ([rows.tolist() for rows, *_ in ft.batches(ids, 4, rng)] for _ in range(2))
    assert first != second
    assert not all(len(ids[a[0]]) <= len(ids[b[0]]) for a, b in zip(first, first[1:]))


def test_padding_and_batching_do_not_change_the_logits():
    ids, _ = texts(30)
    model = ft.Classifier(bert().double(), np.random.default_rng(0)).double()
    together = ft.in_order(model.eval(), ids, size=7)
    with torch.no_grad():
        alone = [model(torch.tensor([row]), torch.ones(1, len(row), dtype=torch.long)) for row in ids]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-12)


def test_a_mean_that_counts_the_filling_is_another_one():
    hidden, mask = torch.arange(6.0).view(1, 3, 2), torch.tensor([[1, 1, 0]])
    assert ft.mean_pool(hidden, mask).tolist() == [[1.0, 2.0]]
    assert hidden.mean(1).tolist() == [[2.0, 3.0]]


@needs("minilm")
def test_encode_cuts_long_texts_and_fills_nothing():
    from gdcourse import models

    ids = ft.encode(models.minilm()[0], ("A film.", "very " * 100), max_length=20)
    assert [len(row) for row in ids] == [5, 20]
    assert [ids[0][0], ids[1][-1]] == [101, 102]  # [CLS], [SEP]


class Tool:
    """A tokenizer that stands in for one of transformers."""

    model_max_length = 512

    def __call__(self, texts, **options):
        return {"input_ids": [[1] * len(text) for text in texts]}


@pytest.mark.parametrize("texts", ["A happy film", ["fine", ""], ["fine", " "]])
def test_encode_wants_a_list_of_texts_with_words(texts):
    with pytest.raises(ValueError, match="wanted a list of texts, none of them empty"):
        ft.encode(Tool(), texts)


def test_encode_reads_texts_that_can_be_read_only_once():
    assert ft.encode(Tool(), (text for text in ("fine", "dull film"))) == [[1] * 4, [1] * 9]


def test_encode_refuses_more_tokens_than_the_model_reads():
    with pytest.raises(ValueError, match="max_length=600; wanted at most 512"):
        ft.encode(Tool(), ["fine"], max_length=600)
    assert ft.encode(Tool(), ["fine"], max_length=512) == [[1] * 4]


# What learns


@pytest.fixture(scope="module")
def large():
    """An encoder of MiniLM's shape."""
    return bert(vocab=30522, width=384, layers=6, inner=1536, heads=12)


def test_full_fine_tuning_trains_22_6_million_numbers(large):
    assert ft.trainable(ft.Classifier(copy.deepcopy(large), np.random.default_rng(0))) == 22_566_146


@pytest.mark.parametrize(("layers", "count"), [(0, 770), (1, 1_775_234), (2, 3_549_698)])
def test_the_last_layers_and_the_head_are_what_learns(large, layers, count):
    model = ft.Classifier(copy.deepcopy(large), np.random.default_rng(0))
    assert ft.trainable(ft.train_only_last(model, layers)) == count
    assert count == 770 + layers * (4 * (384**2 + 384) + 2 * 384 * 1536 + 384 + 1536 + 4 * 384)


def test_lora_trains_74_thousand_numbers(large):
    model = ft.Classifier(copy.deepcopy(large), np.random.default_rng(0))
    ft.add_lora(model.encoder, model.rng)
    assert ft.trainable(model) == 74_498 == 770 + 6 * 2 * 8 * (384 + 384)


def test_more_layers_than_there_are_is_an_error():
    with pytest.raises(ValueError, match="3 layers to train; wanted 0 to 2"):
        ft.train_only_last(ft.Classifier(bert(), np.random.default_rng(0)), 3)


@pytest.mark.parametrize("layers", [0, 1, 2])
def test_a_step_changes_what_may_learn_and_not_a_bit_of_the_rest(layers):
    ids, labels = texts()
    model = ft.train_only_last(ft.Classifier(bert(), np.random.default_rng(0)), layers)
    before = weights(model)
    ft.fit(model, ids, labels, model.rng, epochs=1, decay=0.0)  # which would move any number
    free = {"head.weight", "head.bias"}
    for k in range(2 - layers, 2):
        free |= {name for name in before if name.startswith(f"encoder.encoder.layer.{k}.")}
    silent = {name for name in free if name.endswith("self.key.bias")}  # softmax does not feel it
    assert free - silent <= changed(before, model) <= free


def test_layers_thawed_between_epochs_learn_and_frozen_again_rest():
    ids, labels = texts()
    model = ft.train_only_last(ft.Classifier(bert(), np.random.default_rng(0)), 0)
    before, seen = weights(model), []

    def next_part(epoch):
        seen.append({name.split(".")[3] for name in changed(before, model) if ".layer." in name})
        before.update(weights(model))
        ft.train_only_last(model, [1, 0][epoch - 1] if epoch < 3 else 0)

    ft.fit(model, ids, labels, model.rng, epochs=3, after_epoch=next_part)
    assert seen == [set(), {"1"}, set()]


def test_training_ends_where_after_epoch_says_so():
    ids, labels = texts(32)
    model = ft.Classifier(bert(), np.random.default_rng(0))
    assert len(ft.fit(model, ids, labels, model.rng, epochs=5, after_epoch=lambda epoch: epoch == 2)) == 2 * 2


def test_each_part_gets_its_rate():
    groups = ft.parameter_groups(ft.Classifier(bert(), np.random.default_rng(0)), 1.0, 9.0, layer_decay=0.5)
    assert [group["lr"] for group in groups] == [9.0, 0.25, 0.5, 1.0]  # head, embeddings, layers
    model = ft.Classifier(bert(), np.random.default_rng(0))
    listed = [p for group in ft.parameter_groups(model, 1.0, 1.0) for p in group["params"]]
    assert {id(p) for p in listed} == {id(p) for p in model.parameters()}
    assert len(listed) == len(list(model.parameters()))


# LoRA


def test_lora_starts_as_the_layer_it_is_added_to():
    ids, _ = texts()
    plain = ft.features(bert(), ids)
    assert np.array_equal(ft.features(ft.add_lora(bert(), np.random.default_rng(0)), ids), plain)


def test_lora_of_lora_is_refused():
    with pytest.raises(ValueError, match="LoRALinear; wanted a Linear: was add_lora called before"):
        ft.add_lora(ft.add_lora(bert(), np.random.default_rng(0)), np.random.default_rng(0))


@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 4), st.floats(0.5, 32))
def test_lora_is_a_change_of_the_weights(width, out, rank, alpha):
    torch_rng = torch.Generator().manual_seed(0)
    linear = torch.nn.Linear(width, out).double()
    lora = ft.LoRALinear(linear, np.random.default_rng(0), rank, alpha)
    lora.B.data = torch.randn(out, rank, generator=torch_rng, dtype=torch.float64)
    x = torch.randn(3, 2, width, generator=torch_rng, dtype=torch.float64)
    by_hand = x @ (linear.weight + alpha / rank * lora.B @ lora.A).T + linear.bias
    torch.testing.assert_close(lora(x), by_hand)
    assert torch.linalg.matrix_rank(lora.B @ lora.A) <= rank


def test_lora_merged_gives_the_same_logits_to_1e_5():
    ids, labels = texts()
    model = ft.Classifier(bert(), np.random.default_rng(0))
    ft.add_lora(model.encoder, model.rng)
    before = ft.predict(model, ids)
    ft.fit(model, ids, labels, model.rng, epochs=3, lr=1e-2)
    apart = ft.predict(model, ids)
    ft.merge_lora(model.encoder)
    assert (apart - before).abs().max() > 0.02
    torch.testing.assert_close(ft.predict(model, ids), apart, rtol=0, atol=1e-5)
    assert set(model.encoder.state_dict()) == set(bert().state_dict())


def test_lora_leaves_every_weight_of_the_encoder_as_it_was():
    ids, labels = texts()
    model = ft.Classifier(bert(), np.random.default_rng(0))
    ft.add_lora(model.encoder, model.rng)
    before = weights(model)
    ft.fit(model, ids, labels, model.rng, epochs=1, lr=1e-2)
    assert {name.rsplit(".", 1)[1] for name in changed(before, model) if "encoder" in name} == {"A", "B"}
    assert changed(before, model) >= {name for name in before if name.endswith(".B")}


def test_the_first_step_moves_no_A_as_long_as_B_is_zero():
    ids, labels = texts(16)
    model = ft.Classifier(bert(), np.random.default_rng(0))
    ft.add_lora(model.encoder, model.rng)
    before = weights(model)
    assert len(ft.fit(model, ids, labels, model.rng, epochs=1, decay=0.0)) == 1
    assert {name.rsplit(".", 1)[1] for name in changed(before, model)} == {"B", "weight", "bias"}


# The loop


def test_our_losses_are_those_of_transformers_and_a_plain_loop_over_20_steps():
    ids, labels = texts(160)
    encoder = bert()
    model = ft.Classifier(copy.deepcopy(encoder), np.random.default_rng(1), dropout=0.0)
    head = copy.deepcopy(model.head)
    losses = ft.fit(model, ids, labels, np.random.default_rng(2), epochs=2, lr=1e-3, head_lr=1e-2, warmup=0.2)

    rng = np.random.default_rng(2)
    order = [rows for _ in range(2) for rows, *_ in ft.batches(ids, 16, rng)]
    parameters = [*encoder.parameters(), *head.parameters()]
    groups = [{"params": list(encoder.parameters()), "lr": 1e-3}, {"params": list(head.parameters())}]
    optimizer = torch.optim.AdamW(groups, lr=1e-2, weight_decay=0.01, foreach=False)
    scheduler = transformers.get_linear_schedule_with_warmup(optimizer, 4, 20)
    reference = []
    for rows in order:
        longest = max(len(ids[i]) for i in rows)
        tokens = torch.tensor([ids[i] + [3] * (longest - len(ids[i])) for i in rows])
        mask = torch.tensor([[1] * len(ids[i]) + [0] * (longest - len(ids[i])) for i in rows])
        hidden = encoder.train()(tokens, mask).last_hidden_state
        pooled = torch.stack([h[: len(ids[i])].mean(0) for h, i in zip(hidden, rows)])
        loss = F.cross_entropy(head(pooled), torch.tensor(labels[rows]))
        for p in parameters:
            p.grad = None
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        scheduler.step()
        reference.append(loss.item())
    assert len(losses) == 20
    assert abs(losses[0] - losses[-1]) > 0.02
    np.testing.assert_allclose(losses, reference, rtol=0, atol=1e-5)


def test_fit_refuses_texts_without_a_target():
    ids, labels = texts()
    model = ft.Classifier(bert(), np.random.default_rng(0))
    with pytest.raises(ValueError, match="40 texts, 39 targets; wanted one each"):
        ft.fit(model, ids, labels[:-1], model.rng)


def test_the_bar_of_fit_is_gone_when_it_ends_and_nothing_is_red(capsys):
    ids, labels = texts()
    model = ft.Classifier(bert(), np.random.default_rng(0))
    ft.fit(model, ids, labels, model.rng, epochs=1, progress=True)
    printed = capsys.readouterr()
    assert "steps" in printed.out and printed.out.rsplit("\r", 2)[1].strip() == "" and printed.err == ""


def test_a_run_repeats_itself_and_leaves_torch_seed_alone():
    ids, labels = texts()
    state, runs = torch.get_rng_state(), []
    for _ in range(2):
        torch.rand(3)
        model = ft.Classifier(bert(), np.random.default_rng(5))
        runs.append(ft.fit(model, ids, labels, model.rng, epochs=1))
    assert runs[0] == runs[1]
    torch.set_rng_state(state)
    ft.fit(model, ids, labels, model.rng, epochs=1)
    ft.random_encoder(model.encoder, model.rng)
    assert torch.equal(torch.get_rng_state(), state)


def test_dropout_keeps_the_mean_and_is_off_in_prediction():
    model = ft.Classifier(bert(), np.random.default_rng(0), dropout=0.3)
    model.head.weight.data.copy_(torch.ones(2, 24))
    tokens, mask = torch.tensor([[4, 5, 6]]).repeat(2000, 1), torch.ones(2000, 3, dtype=torch.long)
    with torch.no_grad():
        drawn = model.train()(tokens, mask)[:, 0]
        sure = model.eval()(tokens, mask)[0, 0]
        pooled = ft.mean_pool(model.encoder(tokens, mask).last_hidden_state, mask)[0]
    spread = math.sqrt(0.3 / 0.7 * (pooled**2).sum().item())
    assert abs(drawn.std().item() - spread) < 0.1 * spread
    assert abs(drawn.mean() - sure).item() < 4 * spread / math.sqrt(2000)


def test_training_on_a_rule_learns_it():
    ids, labels = texts(200)
    model = ft.Classifier(bert(), np.random.default_rng(0))
    losses = ft.fit(model, ids, labels, model.rng, epochs=15, lr=3e-3)
    assert losses[0] == pytest.approx(math.log(2), abs=0.15)
    assert ft.accuracy(model, ids, labels) > 0.9


def test_predictions_stand_in_the_order_of_the_texts():
    ids, labels = texts(50)
    model = ft.Classifier(bert(), np.random.default_rng(0))
    logits = ft.predict(model, ids)
    back = ft.predict(model, ids[::-1]).flip(0)
    torch.testing.assert_close(logits, back, rtol=0, atol=1e-5)
    assert ft.accuracy(model, ids, logits.argmax(1).numpy()) == 1.0
    assert ft.accuracy(model, ids, 1 - logits.argmax(1).numpy()) == 0.0


def test_a_regression_is_a_loss_and_one_class_away():
    ids, labels = texts(40)
    model = ft.Classifier(bert(), np.random.default_rng(0), classes=1)
    square = lambda out, y: F.mse_loss(out[:, 0], y)
    losses = ft.fit(model, ids, labels.astype(np.float32), model.rng, epochs=10, lr=1e-3, loss_fn=square)
    assert np.mean(losses[-3:]) < np.mean(losses[:3])


@given(st.integers(1, 40), st.integers(0, 10))
def test_the_schedule_is_that_of_transformers(steps, warm):
    weight = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scheduler = transformers.get_linear_schedule_with_warmup(optimizer, warm, warm + steps)
    for k in range(warm + steps):
        assert ft.warmup_linear(warm + steps, warm)(k) == pytest.approx(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()


# Heads in closed form


@given(st.integers(0, 20), st.floats(1e-3, 1e4))
def test_ridge_is_that_of_scikit_learn(seed, strength):
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(seed)
    X, y = rng.normal(2, 1, (12, 5)), rng.normal(3, 1, 12)
    w, b = ft.ridge(X, y, strength)
    theirs = linear_model.Ridge(alpha=strength).fit(X, y)
    np.testing.assert_allclose([*w, b], [*theirs.coef_, theirs.intercept_], rtol=1e-6, atol=1e-9)


def test_a_strong_ridge_leaves_the_mean():
    X, y = np.random.default_rng(0).normal(size=(2, 9, 9))
    w, b = ft.ridge(X, y[0], 1e12)
    assert max(abs(w)) < 1e-9
    assert b == pytest.approx(y[0].mean())


def test_the_strength_is_chosen_on_what_was_not_seen():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 90))
    y = np.sign(X[:, 0] + X[:, 1])  # many columns that say nothing: least squares without a penalty fits them
    best = ft.best_strength(X, y, [1e-9, 1e2], rng)
    w, b = ft.ridge(X, y, 1e-9)
    assert best == 1e2
    assert np.mean(np.sign(X @ w + b) == y) == 1.0


def test_matched_counts_the_pairs_that_find_each_other():
    x = np.random.default_rng(0).normal(size=(20, 8))
    assert ft.matched(x, 3 * x) == 1.0
    assert ft.matched(x, x[::-1]) == 0.0


# Smaller models


def test_distillation_by_hand():
    student, teacher = torch.tensor([[0.0, 1.0]]), torch.tensor([[2.0, 0.0]])
    p, q = (np.exp(z / 4) / np.exp(z / 4).sum() for z in (teacher[0].numpy(), student[0].numpy()))
    by_hand = 0.3 * 16 * (p * np.log(p / q)).sum() + 0.7 * np.log(1 + np.exp(1))
    loss = ft.distillation_loss(student, teacher, torch.tensor([0]), T=4.0, weight=0.3)
    assert loss.item() == pytest.approx(by_hand, rel=1e-5)


def test_the_square_of_T_keeps_the_size_of_the_gradient():
    rng = torch.Generator().manual_seed(0)
    teacher, start = torch.randn(2, 64, 5, generator=rng, dtype=torch.float64)
    size = {}
    for T in (1.0, 8.0, 64.0):
        student = start.clone().requires_grad_()
        ft.distillation_loss(student, teacher, torch.zeros(64, dtype=torch.long), T=T, weight=1.0).backward()
        size[T] = student.grad.norm().item()
    assert size[64.0] == pytest.approx(size[8.0], rel=0.1)
    centred = start - teacher - (start - teacher).mean(1, keepdim=True)
    assert size[64.0] == pytest.approx(centred.norm().item() / (5 * 64), rel=0.1)  # Hinton's limit
    assert 0.5 < size[1.0] / size[8.0] < 2


def test_a_student_has_the_chosen_layers_and_shares_nothing_with_its_teacher():
    teacher = bert(layers=3)
    student = ft.keep_layers(teacher, [0, 2])
    state = student.state_dict()
    for name, p in teacher.encoder.layer[2].state_dict().items():
        assert torch.equal(state[f"encoder.layer.1.{name}"], p)
    before = weights(teacher)
    for p in student.parameters():
        p.data.add_(1.0)
    assert not changed(before, teacher)
    assert (student.config.num_hidden_layers, teacher.config.num_hidden_layers) == (2, 3)


@given(st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]))
def test_pruning_sets_the_smallest_share_of_each_matrix_to_0(share):
    dense, pruned = bert(layers=1), ft.prune(bert(layers=1), share)
    for (name, p), (_, q) in zip(dense.named_parameters(), pruned.named_parameters()):
        if p.dim() == 2 and name.startswith("encoder."):
            gone = q == 0
            assert gone.sum().item() == round(share * p.numel())
            assert not gone.any() or gone.all() or p[gone].abs().max() <= p[~gone].abs().min()
            assert torch.equal(p[~gone], q[~gone])
        else:
            assert torch.equal(p, q), name


def test_a_random_encoder_has_the_shape_and_none_of_the_weights():
    encoder = bert()
    first, again, other = (ft.random_encoder(encoder, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert not changed(weights(first), again)
    assert changed(weights(first), other)
    assert "encoder.layer.0.attention.self.query.weight" in changed(weights(encoder), first)


# The sweeps


@pytest.mark.skipif(not importlib.util.find_spec("sklearn"), reason=FINETUNE)
@needs("minilm")
@needs("reviews-en")
def test_a_row_that_is_there_is_not_measured_again(tmp_path, monkeypatch):
    from tests import results

    def experiment(lab, seeds):
        for seed in range(seeds):
            yield "m", 2, seed, 0.1, "", lambda: ran.append(seed) or {"accuracy": 0.5, "trainable": 3}

    ran = []
    monkeypatch.setattr(results, "DATA", tmp_path)
    for seeds in (1, 3, 3):
        results.run(experiment, None, seeds)
    assert ran == [0, 1, 2]
    lines = (tmp_path / "results_experiment.csv").read_text().splitlines()
    assert lines[0].startswith("# python tests/results.py --only experiment: torch ")
    assert lines[1:] == [",".join(results.COLUMNS), *(f"m,2,{seed},0.1,,0.5000,,3,," for seed in range(3))]
