using Limn.Engine;

namespace Limn.Models;

/// <summary>The model that is explained failed: it threw, returned something else than one finite score for each row, or answers differently each time.</summary>
public sealed class PredictorException(string message, Exception? inner = null) : LimnException(message, inner);
