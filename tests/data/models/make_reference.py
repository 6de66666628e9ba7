"""Writes rope_reference.json and config_reference.json beside this file, from the configuration
classes and the rope functions of transformers (5.x, with torch):

    python make_reference.py
"""

import json
import pathlib

import torch
import transformers
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.qwen3_5.modeling_qwen3_5 import Qwen3_5TextRotaryEmbedding

FOLDER = pathlib.Path(__file__).parent
CLASSES = {
    "llama": transformers.LlamaConfig,
    "mistral": transformers.MistralConfig,
    "qwen2": transformers.Qwen2Config,
    "qwen3": transformers.Qwen3Config,
    "qwen3_5_text": transformers.models.qwen3_5.configuration_qwen3_5.Qwen3_5TextConfig,
}


def build(document):
    """The config class's object for the content of a config.json."""
    return CLASSES[document["model_type"]].from_dict(json.loads(json.dumps(document)))


def frequencies(config, seq_len):
    kind = config.rope_parameters["rope_type"]
    if kind == "default":  # the same in every family; this one also honours the partial factor
        return Qwen3_5TextRotaryEmbedding.compute_default_rope_parameters(config)
    return ROPE_INIT_FUNCTIONS[kind](config, torch.device("cpu"), seq_len=seq_len or None)


def rope_cases():
    def llama(rope, head_dim=64, max_position=4096, **more):
        return {"model_type": "llama", "hidden_size": 4 * head_dim, "num_attention_heads": 4,
                "head_dim": head_dim, "max_position_embeddings": max_position, **rope, **more}

    def new(**parameters):
        return {"rope_parameters": parameters}

    def old(theta, **scaling):
        return {"rope_theta": theta, "rope_scaling": scaling or None}

    yarn = {"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0,
            "original_max_position_embeddings": 1024}
    llama3 = {"rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0,
              "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
    long = {"short_factor": [1.0 + i / 16 for i in range(16)],
            "long_factor": [2.0 + i * i / 7 for i in range(16)]}
    cases = [
        ("default", llama(new(rope_type="default", rope_theta=10000.0)), 0),
        ("default, no parameters", llama({}), 0),
        ("default, partial", llama(new(rope_type="default", rope_theta=1e7, partial_rotary_factor=0.25)), 0),
        ("default, partial, odd", llama(new(rope_type="default", rope_theta=1e4, partial_rotary_factor=0.25), head_dim=20), 0),
        ("default, head_dim 24", llama(new(rope_type="default", rope_theta=1e4), head_dim=24), 0),
        ("default, old keys", llama(old(500000.0)), 0),
        ("linear", llama(new(rope_type="linear", rope_theta=1e4, factor=4.0)), 0),
        ("linear, old keys", llama(old(20000.0, type="linear", factor=3)), 0),
        ("linear, partial", llama(new(rope_type="linear", rope_theta=1e4, factor=2.5, partial_rotary_factor=0.5)), 0),
        ("dynamic, short", llama(new(rope_type="dynamic", rope_theta=1e4, factor=2.0)), 100),
        ("dynamic, long", llama(new(rope_type="dynamic", rope_theta=1e4, factor=2.0)), 9000),
        ("dynamic, old keys", llama(old(10000.0, type="dynamic", factor=4.0)), 5000),
        ("yarn", llama(new(**yarn)), 0),
        ("yarn, head_dim 128", llama(new(**yarn), head_dim=128, max_position=32768), 0),
        ("yarn, not truncated", llama(new(**yarn, truncate=False)), 0),
        ("yarn, betas", llama(new(**yarn, beta_fast=16.0, beta_slow=2.0)), 0),
        ("yarn, mscale", llama(new(**yarn, mscale=0.707, mscale_all_dim=1.0)), 0),
        ("yarn, mscale alone", llama(new(**yarn, mscale=0.707)), 0),
        ("yarn, attention factor", llama(new(**yarn, attention_factor=1.25)), 0),
        ("yarn, partial", llama(new(**yarn, partial_rotary_factor=0.5)), 0),
        ("yarn, old keys", llama(old(1e6, type="yarn", factor=4.0, original_max_position_embeddings=2048)), 0),
        ("yarn, factor below one", llama(new(**{**yarn, "factor": 0.5})), 0),
        ("yarn, original length left out", llama(old(1e4, rope_type="yarn", factor=2.0)), 0),
        ("llama3", llama(new(**llama3), head_dim=128, max_position=131072), 0),
        ("llama3, small", llama(new(**{**llama3, "factor": 32.0, "original_max_position_embeddings": 32}), max_position=256), 0),
        ("llama3, old keys", llama(old(5e5, **{k: v for k, v in llama3.items() if k != "rope_theta"}), max_position=131072), 0),
        ("longrope, short", llama(new(rope_type="longrope", rope_theta=1e4, original_max_position_embeddings=1024, **long), head_dim=32), 1024),
        ("longrope, long", llama(new(rope_type="longrope", rope_theta=1e4, original_max_position_embeddings=1024, **long), head_dim=32), 1025),
        ("longrope, factor", llama(new(rope_type="longrope", rope_theta=1e4, original_max_position_embeddings=1024, factor=16.0, **long), head_dim=32), 2000),
        ("longrope, attention factor", llama(new(rope_type="longrope", rope_theta=1e4, original_max_position_embeddings=1024, attention_factor=1.1, **long), head_dim=32), 0),
        ("longrope, no extension", llama(new(rope_type="longrope", rope_theta=1e4, original_max_position_embeddings=4096, **long), head_dim=32), 0),
        ("longrope, outer original length", llama({"rope_theta": 1e4, "rope_scaling": {"type": "longrope", **long}, "original_max_position_embeddings": 512}, head_dim=32), 600),
    ]
    result = []
    for name, document, seq_len in cases:
        inv_freq, scaling = frequencies(build(document), seq_len)
        result.append({"name": name, "config": document, "seq_len": seq_len,
                       "inv_freq": [float(x) for x in inv_freq], "attention_scaling": float(scaling)})
    return result


FIELDS = ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
          "num_key_value_heads", "max_position_embeddings", "rms_norm_eps", "tie_word_embeddings",
          "bos_token_id", "pad_token_id", "eos_token_id", "hidden_act"]
LINEAR = ["linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim",
          "linear_value_head_dim", "linear_conv_kernel_dim"]


def normalised(document):
    config = build(document)
    out = {field: getattr(config, field) for field in FIELDS}
    heads = config.num_attention_heads
    out["head_dim"] = getattr(config, "head_dim", None) or config.hidden_size // heads
    out["rope_theta"] = config.rope_parameters["rope_theta"]
    out["rope_type"] = config.rope_parameters["rope_type"]
    out["partial_rotary_factor"] = config.rope_parameters.get("partial_rotary_factor", 1.0)
    window = getattr(config, "sliding_window", None)
    if document["model_type"] == "llama":  # the class has no window; a stray key changes nothing
        window = None
    layers = getattr(config, "layer_types", None)
    if document["model_type"] in ("llama", "mistral"):  # their models never look at layer_types
        kind = "full_attention" if window is None else "sliding_attention"
        layers = [kind] * config.num_hidden_layers
    out["layer_types"] = layers
    out["sliding_window"] = window if "sliding_attention" in layers else None
    if document["model_type"] == "qwen3_5_text":
        out.update({field: getattr(config, field) for field in LINEAR})
    return out


def config_cases():
    documents = [{"model_type": name} for name in CLASSES]
    documents += [
        {"model_type": "llama", "num_attention_heads": 16, "hidden_size": 1024},
        {"model_type": "llama", "num_key_value_heads": None, "sliding_window": 8},
        {"model_type": "llama", "rope_theta": 5e5, "eos_token_id": [2, 7], "bos_token_id": None},
        {"model_type": "llama", "rope_scaling": {"type": "linear", "factor": 2.0}, "rope_theta": 2e4},
        {"model_type": "llama", "rope_parameters": {"rope_theta": 3e4}, "rope_theta": 2e4},
        {"model_type": "mistral", "sliding_window": None, "num_hidden_layers": 3},
        {"model_type": "mistral", "num_key_value_heads": 4, "head_dim": 96},
        {"model_type": "qwen2", "use_sliding_window": True, "num_hidden_layers": 30},
        {"model_type": "qwen2", "use_sliding_window": True, "max_window_layers": 2, "num_hidden_layers": 4, "sliding_window": 128},
        {"model_type": "qwen2", "use_sliding_window": False, "sliding_window": 128, "max_window_layers": 0},
        {"model_type": "qwen2", "use_sliding_window": True, "sliding_window": None, "max_window_layers": 0},
        {"model_type": "qwen2", "use_sliding_window": True, "num_hidden_layers": 2, "layer_types": ["sliding_attention", "full_attention"]},
        {"model_type": "qwen2", "head_dim": 64, "num_key_value_heads": None},
        {"model_type": "qwen3", "hidden_size": 1024, "num_attention_heads": 16, "num_key_value_heads": 8},
        {"model_type": "qwen3", "rope_theta": 1e6, "rope_scaling": None, "tie_word_embeddings": True},
        {"model_type": "qwen3_5_text", "num_hidden_layers": 7, "full_attention_interval": 3},
        {"model_type": "qwen3_5_text", "partial_rotary_factor": 0.5, "rope_theta": 1e7},
        {"model_type": "qwen3_5_text", "rope_parameters": {"rope_theta": 1e7, "rope_type": "default", "partial_rotary_factor": 0.125}},
    ]
    return [{"config": document, "expected": normalised(document)} for document in documents]


def write(name, cases):
    document = {"transformers": transformers.__version__, "cases": cases}
    (FOLDER / name).write_text(json.dumps(document, indent=1) + "\n")


write("rope_reference.json", rope_cases())
write("config_reference.json", config_cases())
