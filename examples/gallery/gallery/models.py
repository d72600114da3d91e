"""The one model of the gallery."""

from django.db import models
from django.urls import reverse
from django.utils import timezone


class Picture(models.Model):
    """A picture with its title; the file lies in the default storage."""

    title = models.CharField(max_length=200)
    image = models.ImageField(upload_to="pictures", max_length=200)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created", "-pk"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Return the address of the picture's own page."""
        return reverse("picture", args=[self.pk])

    @property
    def older(self) -> "Picture | None":
        """The picture that follows this one in the gallery."""
        return self._neighbour(self.get_previous_by_created)

    @property
    def newer(self) -> "Picture | None":
        """The picture before this one in the gallery."""
        return self._neighbour(self.get_next_by_created)

    def _neighbour(self, find) -> "Picture | None":
        try:
            return find()
        except Picture.DoesNotExist:
            return None
