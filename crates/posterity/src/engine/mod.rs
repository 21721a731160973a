//! The neural physical engine: convolutions of a field with multipole kernels, and their gradients.
