"""Where the cold start of an inference engine goes: phases, their nesting, logs that tell them, the published grid."""
