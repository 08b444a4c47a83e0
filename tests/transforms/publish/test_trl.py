"""TRL's reward and DPO trainers take a release as it is: two steps of tiny models with random weights, no hub."""

import copy
from pathlib import Path

import pytest
from datasets import load_dataset

from prefcurate.transforms.publish.options import PublishOptions
from tests.helpers import make_store, pair
from tests.transforms.publish.stores import decide_all, publish

TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}> {{ m.content }} <end> {% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    pairs = [pair(f"question {n}", f"a good answer {n}", f"a bad answer {n}") for n in range(8)]
    store = make_store(tmp_path_factory.mktemp("trl"), pairs)
    decide_all(store)
    return publish(store, PublishOptions.model_validate({"splits": {"train": 1}, "exports": ["trl"]}))


@pytest.fixture(scope="module")
def tokenizer():
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    special = ["<pad>", "<unk>", "<end>", "<user>", "<assistant>"]
    words = [*special, *["question", "a", "good", "bad", "answer"], *map(str, range(8))]
    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", unk_token="<unk>", eos_token="<end>"
    )
    fast.chat_template = TEMPLATE
    return fast


def rows(release, tmp_path: Path, folder: str):
    files = {"train": release.files(folder)}
    return load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))


def tiny(tokenizer, **more):
    from transformers import LlamaConfig

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    return LlamaConfig(vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **sizes, **more)


def settings(tmp_path: Path) -> dict:
    quiet = {"report_to": "none", "save_strategy": "no", "disable_tqdm": True, "logging_steps": 1}
    return {"output_dir": str(tmp_path), "max_steps": 2, "per_device_train_batch_size": 2, "use_cpu": True, **quiet}


def losses(trainer) -> list[float]:
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["train", "exports/trl/train"])
def test_the_reward_trainer_takes_two_steps(release, tokenizer, tmp_path, folder):
    trl = pytest.importorskip("trl")
    from transformers import LlamaForSequenceClassification

    model = LlamaForSequenceClassification(tiny(tokenizer, num_labels=1))
    trainer = trl.RewardTrainer(
        model=model,
        args=trl.RewardConfig(**settings(tmp_path), bf16=False, gradient_checkpointing=False),
        train_dataset=rows(release, tmp_path, folder),
        processing_class=tokenizer,
    )
    found = losses(trainer)
    assert len(found) == 2
    # Rewards of random weights are nearly equal: the loss is -log sigmoid(-margin), with a margin of .8 in the export.
    expected = 1.1711 if folder.startswith("exports") else 0.6931
    assert found[0] == pytest.approx(expected, abs=0.1)


@pytest.mark.slow
def test_the_dpo_trainer_takes_two_steps(release, tokenizer, tmp_path):
    trl = pytest.importorskip("trl")
    from transformers import LlamaForCausalLM

    model = LlamaForCausalLM(tiny(tokenizer))
    trainer = trl.DPOTrainer(
        model=model,
        ref_model=copy.deepcopy(model),  # a model with no name on the hub brings its own reference
        args=trl.DPOConfig(**settings(tmp_path), bf16=False, gradient_checkpointing=False),
        train_dataset=rows(release, tmp_path, "train"),
        processing_class=tokenizer,
    )
    found = losses(trainer)
    assert len(found) == 2
    assert found[0] == pytest.approx(0.6931, abs=0.01)
