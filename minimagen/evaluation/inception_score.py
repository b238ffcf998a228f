"""Does every picture show something clearly, and do they show many things? By a classifier.

It never looks at real pictures and says nothing of how true they are; it is here for comparison
with papers. With a classifier of other classes than ImageNet's, say which.
"""

from torch import Tensor
from torch.special import entr


def inception_score(probabilities: Tensor) -> float:
    """Return  exp E KL(p(y|x) || p(y)),  between 1 and the number of classes.

    Args:
        probabilities: p(y|x) of each picture, (N, classes), rows sum to 1.

    Source: Salimans et al. 2016 (arXiv:1606.03498), sec. 4; over all pictures at once, as
    Barratt & Sharma 2018 (arXiv:1801.01973) advise.
    """
    p = probabilities.double()
    of_all, of_each = entr(p.mean(dim=0)).sum(), entr(p).sum(dim=1).mean()
    found: float = (of_all - of_each).exp().item()
    return found
