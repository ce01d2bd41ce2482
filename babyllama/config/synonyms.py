"""What other trainers call the keys of a configuration; asked when a key or a flag is unknown."""

from __future__ import annotations

from babyllama.registry import nearest

_NAMES = {
    "data.train_path": "train_file train_files train_data train_dataset training_data dataset_path data_path",
    "data.eval_path": "eval_file eval_data eval_dataset validation_file val_file val_path dev_path valid_path test_path",
    "data.seq_length": "seq_len sequence_length max_length max_len max_seq_length max_seq_len block_size context_length "
    "context_size context_window max_position_embeddings n_positions n_ctx",
    "data.tokenizer_path": "tokenizer_file tokenizer_name tokenizer_name_or_path",
    "tokenizer.vocab_size": "vocabulary_size n_vocab num_embeddings",
    "model.type": "model_type arch architecture family",
    "model.name": "run_name experiment_name model_name exp_name",
    "model.hidden_size": "hidden_dim hidden d_model dim n_embd n_embed embed_dim embedding_dim embedding_size width",
    "model.n_layer": "num_layers num_hidden_layers n_layers layers depth num_blocks",
    "model.n_head": "num_heads num_attention_heads n_heads heads attention_heads",
    "model.intermediate_size": "ffn_dim ffn_size ffn_hidden_size d_ff n_inner mlp_dim ff_dim feed_forward_size",
    "model.resid_pdrop": "dropout dropout_rate hidden_dropout hidden_dropout_prob",
    "model.attn_pdrop": "attention_dropout attn_dropout attention_probs_dropout_prob",
    "model.tie_word_embeddings": "tie_embeddings tied_embeddings tie_weights weight_tying",
    "training.lr": "learning_rate max_lr peak_lr base_lr",
    "training.batch_size": "per_device_train_batch_size micro_batch_size per_device_batch_size device_batch_size "
    "local_batch_size mbs",
    "training.effective_batch_size": "global_batch_size train_batch_size total_batch_size gbs",
    "training.gradient_accumulation_steps": "grad_accum grad_accum_steps grad_accumulation_steps accumulation_steps "
    "accumulate_grad_batches gradient_accumulation",
    "training.num_epochs": "epochs epoch num_train_epochs max_epochs n_epochs",
    "training.max_steps": "max_iters num_steps total_steps train_steps num_train_steps max_train_steps steps iterations",
    "training.warmup_steps": "warmup num_warmup_steps warmup_iters lr_warmup_steps",
    "training.save_steps": "save_interval save_every checkpoint_interval checkpoint_every",
    "training.eval_steps": "eval_interval eval_every validation_steps val_check_interval",
    "training.logging_steps": "log_interval log_every log_steps logging_interval",
    "training.precision": "mixed_precision dtype torch_dtype",
    "training.seed": "random_seed manual_seed",
    "training.torch_compile": "compile",
    "training.dataloader_num_workers": "num_workers workers",
    "optimization.optimizer": "optim optimizer_type optimizer_name",
    "optimization.schedule": "lr_scheduler lr_scheduler_type scheduler lr_schedule lr_decay_style",
    "optimization.weight_decay": "wd",
    "optimization.adam_beta1": "beta1",
    "optimization.adam_beta2": "beta2",
    "optimization.adam_epsilon": "eps epsilon adam_eps",
    "optimization.max_grad_norm": "grad_clip clip_grad clip gradient_clip gradient_clip_val clip_grad_norm max_norm",
    "logging.output_dir": "output_path out_dir save_dir output checkpoint_dir",
    "logging.wandb": "use_wandb wandb_enabled",
    "logging.project": "wandb_project project_name",
}

SYNONYMS = {name: key for key, names in _NAMES.items() for name in names.split()}
"""Another trainer's name -> the key here."""


def synonym(name: str) -> str | None:
    """The key that `name`, in any case and with - or _, is another word for."""
    return SYNONYMS.get(_plain(name))


def near_synonym(name: str) -> str | None:
    """The key that `name`, misspelled, may be another word for."""
    near = nearest(_plain(name), SYNONYMS)
    return SYNONYMS[near] if near else None


def _plain(name: str) -> str:
    return name.strip("-").lower().replace("-", "_")
