from django.conf import settings
from django.http import FileResponse, JsonResponse
from django.urls import path, re_path
from django.views.static import serve

from .models import Upload


def upload(request):
    made = Upload.objects.create(file=request.FILES["file"])
    return JsonResponse({"name": made.file.name})


def send(request, name):
    return FileResponse((settings.SENDFILE_ROOT / name).open("rb"))


urlpatterns = [
    path("upload/", upload),
    path("send/<name>", send),
    re_path(r"^media/(?P<path>.*)$", serve, {"document_root": settings.MEDIA_ROOT}),
]
