"""Plain requests whose answers by the model itself are mixed into its lessons, against forgetting."""

PLAIN_TOKENS = 120

PLAIN = (
    "Hello! How are you today?",
    "What is the capital of Portugal?",
    "Write one sentence about the sea.",
    "Name three fruits.",
    "Explain in two sentences why the sky is blue.",
    "Give me a short title for a story about a lost dog.",
    "What does a baker do?",
    "Rewrite politely: Send me the file now.",
    "Which is larger, an ant or an elephant? Answer in one sentence.",
    "List the four seasons.",
    "Say thank you in three languages.",
    "Describe a tree to someone who has never seen one.",
    "What is a good habit for the morning?",
    "Write a short birthday greeting.",
    "What is the opposite of cold?",
    "Why do people wear coats in winter?",
    "Summarise in one sentence: The train was late because of snow, and many people missed their meetings.",
    "Who wrote Romeo and Juliet?",
    "Suggest a name for a small cafe.",
    "Is water wet? Explain briefly.",
    "Translate into French: Good night.",
    "What can you do with an old newspaper?",
    "Give one reason to learn a second language.",
    "Describe the taste of a lemon in one sentence.",
)
